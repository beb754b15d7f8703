"""Terraform configurations, evaluated without Terraform: folders of files → resources with evidence.

``module`` reads a folder, ``instance`` gives names their values in one call of a module, ``evidence`` and ``tagset``
work out the tags of a resource, ``defaults`` those of a provider; ``configuration`` puts a root module together, and
``places`` knows where a tag is written.
"""

from costguard.iac.source.configuration import Configuration, Judged, Settings, read_configuration
from costguard.iac.source.instance import Assumption
from costguard.iac.source.module import Files
from costguard.iac.source.places import Place

__all__ = ["Assumption", "Configuration", "Files", "Judged", "Place", "Settings", "read_configuration"]

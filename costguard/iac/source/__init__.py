"""Terraform configurations, evaluated without Terraform: folders of files → resources with evidence.

``roots`` finds the root modules of a repository, ``module`` reads a folder, ``remote`` and ``null_label`` those that
lie elsewhere. ``instance`` gives names their values in one call of a module; ``evidence``, ``tagset`` and ``lifecycle``
work out the tags of a resource, ``defaults`` those of a provider; ``configuration`` puts a root module together.
``places`` knows where a tag is written, ``suppressions`` what comments accept there, and ``left_alone`` which tags of
what is live no apply takes away.
"""

from costguard.iac.source.configuration import Configuration, Judged, Settings, read_configuration
from costguard.iac.source.instance import Assumption
from costguard.iac.source.module import Files
from costguard.iac.source.places import Place

__all__ = ["Assumption", "Configuration", "Files", "Judged", "Place", "Settings", "read_configuration"]

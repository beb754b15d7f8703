"""costguard: every cloud resource names its owner, its service and its environment.

The package is layered inward: ``cli`` → adapters (``iac``, ``reports``) → ``engine`` → ``policy`` →
``catalog`` → ``model`` → ``errors``. Nothing is imported here, so that a start-up pays only for what it uses.
"""

__version__ = "0.1.0"

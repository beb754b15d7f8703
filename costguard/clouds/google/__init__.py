"""Google Cloud: the sources that list what runs in its organisations, folders and projects.

``api`` is the one door to Google, ``calls`` the table of what may go through it. ``assets`` reads the search and the
listing of Cloud Asset Inventory, ``projects`` the tree of folders and projects with its Tags from Resource Manager.
``inventory`` runs them over all scopes.
"""

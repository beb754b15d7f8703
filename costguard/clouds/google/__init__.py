"""Google Cloud: the sources that list what runs in its organisations, folders and projects, and the writer of labels.

``api`` is the one door to Google, ``calls`` the table of what may go through it. ``assets`` reads the search and the
listing of Cloud Asset Inventory, ``projects`` the tree of folders and projects with its Tags from Resource Manager.
``inventory`` runs them over all scopes. ``labels`` writes labels, and imports nothing of these but the door.
"""

"""Whose an option is: a name alone does not say which plugin defined it."""

# Plugins that have options of which a run must know, by the name under which
# they are named in messages, and the modules that they are made of.
MODULES = {
    "pytest-xdist": ("xdist",),
    "pytest-split": ("pytest_split",),
    "pytest-cov": ("pytest_cov",),
    "pytest-randomly": ("pytest_randomly",),
    "pytest-random-order": ("random_order",),
}


def has(manager, plugin):
    """Whether the plugin is registered: an option of the same name is the
    project's own otherwise."""
    for registered in manager.get_plugins():
        name = getattr(registered, "__name__", None) or type(registered).__module__
        if isinstance(name, str) and name.split(".")[0] in MODULES[plugin]:
            return True
    return False

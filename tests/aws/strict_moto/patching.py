"""How moto's classes are changed: one decorator to wrap a method, one to add one."""

from functools import wraps


def wrap(cls, name):
    """Replaces ``cls.name`` by a function that gets the old one as its first argument."""

    def decorate(function):
        old = getattr(cls, name)

        @wraps(old)
        def method(self, *args, **kwargs):
            return function(old, self, *args, **kwargs)

        setattr(cls, name, method)
        return function

    return decorate


def add(cls):
    """Adds the function to ``cls`` as a method of the same name."""

    def decorate(function):
        setattr(cls, function.__name__, function)
        return function

    return decorate

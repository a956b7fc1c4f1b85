"""The function form: ``@command`` makes a CommandFunction; each call of it makes one command and executes it."""

from cpython.object cimport PyObject, PyTypeObject, ternaryfunc
from cpython.ref cimport Py_INCREF

from hystrixpy._native.aio cimport AioCommand
from hystrixpy._native.binding cimport Binding
from hystrixpy._native.drive cimport Raw, SyncCommand, execute_command
from hystrixpy._native.failures cimport no_coroutine
from hystrixpy._native.life cimport CommandLife, the_error

from functools import update_wrapper
from inspect import Parameter, iscoroutinefunction, signature

from hystrixpy.errors import PropertyError

cdef extern from "Python.h":
    unsigned long Py_TPFLAGS_METHOD_DESCRIPTOR
    void PyType_Modified(PyTypeObject *cls) noexcept
    PyObject *PyObject_Call(object function, object args, PyObject *kwargs) noexcept
    object PyObject_CallObject(object function, object args)


cdef inline PyObject *call(object function, tuple args, dict kwargs) noexcept:
    """A new reference, or NULL with the error indicator set."""
    return PyObject_Call(function, args, NULL if kwargs is None else <PyObject *>kwargs)


cdef class Guarded:
    """A guarded function. ``key`` is its command key; ``queue`` and ``command`` are the other ways to run it.

    ``binds``: ``"instance"`` as any function, ``"class"`` and ``"none"`` as class and static methods; those two only
    in the classes ``Placed...``, which Python asks what they bind to.
    """

    def __init__(self, function, declare, *, fallback=None, cache_key=None, binds="instance"):
        self.function, self.declare = function, declare
        self.binds_class, self.binds_nothing = binds == "class", binds == "none"
        self._use(fallback, cache_key)
        update_wrapper(self, function)

    cdef Binding bound(self):
        if self.binding is None:
            self.binding = self.declare(self)
        return self.binding

    @property
    def key(self):
        """The command key."""
        return self.bound().key

    @property
    def fallback_name(self):
        """The name of the fallback as it was given, for messages; None without one."""
        if self.fallback_spec is None or isinstance(self.fallback_spec, str):
            return self.fallback_spec
        return getattr(self.fallback_spec, "__qualname__", repr(self.fallback_spec))

    def __set_name__(self, owner, name):
        self._hx_owner = owner

    cdef object bind(self, object instance, object owner):
        cdef BoundCommandFunction bound
        if self.binds_class:
            instance = owner
        elif instance is None or self.binds_nothing:
            return self
        bound = BoundCommandFunction.__new__(BoundCommandFunction)
        bound.function, bound.instance = self, instance
        return bound

    def _use(self, fallback, cache_key):
        """Take the fallback and cache key that hold, class defaults included; called once, when it is bound."""
        self.fallback_spec, self.cache_key_function = fallback, cache_key
        self.fallback_known = fallback is None
        if fallback is not None and not isinstance(fallback, str):
            self.fallback_function, self.fallback_known = fallback, True
            self.fallback_wants_error = wants_error(fallback)

    cdef object find_fallback(self, tuple args):
        """The method that a fallback's name means, on the instance or class called; PropertyError without one."""
        place = getattr(self, "_hx_owner", None) if self.binds_nothing else args[0] if args else None
        found = getattr(place, self.fallback_spec, None)
        if found is None:
            raise missing_fallback(self, place, self.fallback_spec)
        return found

    cdef object fall_back(self, CommandLife command, tuple args, dict kwargs):
        cdef object function = self.fallback_function
        cdef bint wants = self.fallback_wants_error
        if not self.fallback_known:              # a name: subclasses may override the method
            function = self.find_fallback(args)
            wants, args = wants_error(function), args if self.binds_nothing else args[1:]
            if iscoroutinefunction(function) and isinstance(self, CommandFunction):
                raise TypeError(f"fallback {self.fallback_spec!r} of command {self.key!r} is an async def, "
                                f"but the command is of a plain def: make both the same")
        if wants:
            kwargs = {**(kwargs or {}), "error": the_error(command)}
        if kwargs is None:
            return PyObject_CallObject(function, args)
        return function(*args, **kwargs)


cdef object missing_fallback(Guarded guarded, object place, str name):
    """A PropertyError that names what was looked for and what is near it."""
    from difflib import get_close_matches

    if place is None or getattr(guarded, "_hx_owner", None) is None:
        return PropertyError(
            f"fallback {name!r} of command {guarded.key!r} names a method, but it is called without an instance; "
            f"give a function itself as a callable: fallback=fn", command_key=guarded.key,
        )
    where = place if isinstance(place, type) else type(place)
    near = get_close_matches(name, [n for n in dir(where) if not n.startswith("__")], 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return PropertyError(
        f"fallback {name!r} of command {guarded.key!r} is no method of {where.__qualname__}{hint}",
        command_key=guarded.key,
    )


cdef bint wants_error(object function) except -1:
    """Whether the fallback takes the exception, as a parameter named ``error``."""
    try:
        parameter = signature(function).parameters.get("error")
    except (TypeError, ValueError):               # a builtin without a signature
        return False
    return parameter is not None and parameter.kind in (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


cdef class FunctionCommand(SyncCommand):
    """One call of a guarded function, not yet executed or executed once."""

    cdef PyObject *call_run(self) noexcept:
        return no_coroutine(self, call(self.guarded.function, self.args, self.kwargs), "the function")

    cdef PyObject *call_fallback(self) noexcept:
        try:
            value = self.guarded.fall_back(self, self.args, self.kwargs)
        except BaseException as error:
            set_error(error)
            return NULL
        Py_INCREF(value)
        return no_coroutine(self, <PyObject *>value, "the fallback")

    def cache_key(self):
        """What the function's ``cache_key`` makes of the arguments; None: not cached."""
        if self.guarded.cache_key_function is None:
            return None
        return self.guarded.cache_key_function(*self.args, **(self.kwargs or {}))

    def __repr__(self):
        return f"<command {self.binding.key!r}>"


cdef class AsyncFunctionCommand(AioCommand):
    """One call of a guarded coroutine function, not yet executed or executed once."""

    cdef PyObject *call_run(self) noexcept:
        return call(self.guarded.function, self.args, self.kwargs)

    cdef PyObject *call_fallback(self) noexcept:
        try:
            value = self.guarded.fall_back(self, self.args, self.kwargs)
        except BaseException as error:
            set_error(error)
            return NULL
        Py_INCREF(value)
        return <PyObject *>value

    def cache_key(self):
        """What the function's ``cache_key`` makes of the arguments; None: not cached."""
        if self.guarded.cache_key_function is None:
            return None
        return self.guarded.cache_key_function(*self.args, **(self.kwargs or {}))

    def __repr__(self):
        return f"<command {self.binding.key!r}>"


cdef extern from *:
    """
    static void hx_restore(PyObject *error) { PyErr_SetObject((PyObject *)Py_TYPE(error), error); }
    """
    void hx_restore(object error) noexcept


cdef void set_error(object error) noexcept:
    """Leave an exception as the error indicator, for a caller in C."""
    hx_restore(error)


cdef class CommandFunction(Guarded):
    """A function that runs as a command when it is called."""

    cdef FunctionCommand make(self, tuple args, dict kwargs):
        cdef FunctionCommand made = FunctionCommand.__new__(FunctionCommand)
        made.binding = self.bound()
        made.guarded, made.args, made.kwargs = self, args, kwargs
        if not self.fallback_known:
            self.find_fallback(args)
        return made

    def __call__(self, *args, **kwargs):
        return self.make(args, kwargs or None).execute()

    def queue(self, *args, **kwargs):
        """Start a call and return its ``CommandFuture``."""
        return self.make(args, kwargs or None).queue()

    def command(self, *args, **kwargs):
        """The command of a call, not yet executed."""
        return self.make(args, kwargs or None)

    def __get__(self, instance, owner):
        return self.bind(instance, owner)

    def __reduce__(self):
        return self.__qualname__           # like a function: by its name in its module

    def __repr__(self):
        return f"<command function {self.key!r}>"


cdef class PlacedCommandFunction(CommandFunction):
    """Of a class or static method."""


cdef class AsyncCommandFunction(Guarded):
    """A coroutine function that runs as a command when it is awaited."""

    cdef AsyncFunctionCommand make(self, tuple args, dict kwargs):
        cdef AsyncFunctionCommand made = AsyncFunctionCommand.__new__(AsyncFunctionCommand)
        made.binding = self.bound()
        made.guarded, made.args, made.kwargs = self, args, kwargs
        if not self.fallback_known:
            self.find_fallback(args)
        return made

    def __call__(self, *args, **kwargs):
        return self.make(args, kwargs or None).execute()

    def queue(self, *args, **kwargs):
        """Start a call as an ``asyncio.Task``."""
        return self.make(args, kwargs or None).queue()

    def command(self, *args, **kwargs):
        """The command of a call, not yet awaited."""
        return self.make(args, kwargs or None)

    def __get__(self, instance, owner):
        return self.bind(instance, owner)

    def __reduce__(self):
        return self.__qualname__           # like a function: by its name in its module

    def __repr__(self):
        return f"<async command function {self.key!r}>"


cdef class PlacedAsyncCommandFunction(AsyncCommandFunction):
    """Of a class or static method."""


cdef class BoundCommandFunction:
    """A guarded method on its instance."""

    def __call__(self, *args, **kwargs):
        return self.function(self.instance, *args, **kwargs)

    def queue(self, *args, **kwargs):
        """Start a call; see the function's ``queue``."""
        return self.function.queue(self.instance, *args, **kwargs)

    def command(self, *args, **kwargs):
        """The command of a call, not yet executed."""
        return self.function.command(self.instance, *args, **kwargs)

    @property
    def __doc__(self):
        return self.function.__doc__

    @property
    def __signature__(self):
        whole = signature(self.function)
        parameters = list(whole.parameters.values())
        if parameters and parameters[0].kind != Parameter.VAR_POSITIONAL:
            del parameters[0]
        return whole.replace(parameters=parameters)

    @property
    def __self__(self):
        return self.instance

    @property
    def __func__(self):
        return self.function

    def __getattr__(self, name):
        return getattr(self.function, name)

    def __eq__(self, other):
        return (
            isinstance(other, BoundCommandFunction)
            and (<BoundCommandFunction>other).function is self.function
            and (<BoundCommandFunction>other).instance is self.instance
        )

    def __hash__(self):
        return hash((id(self.function), id(self.instance)))

    def __reduce__(self):
        return getattr, (self.instance, self.function.__name__)

    def __repr__(self):
        return f"<bound {self.function!r} of {self.instance!r}>"


# -- called from C -----------------------------------------------------------------------------------
#
# These do what __call__ above does, without a dict for keywords that nobody gave.

cdef inline dict as_dict(PyObject *kwargs):
    return None if kwargs == NULL else (<dict>kwargs).copy()


cdef PyObject *called(CommandFunction function, tuple args, PyObject *kwargs) except? NULL:
    return (<Raw>execute_command)(function.make(args, as_dict(kwargs)))


cdef object called_async(AsyncCommandFunction function, tuple args, PyObject *kwargs):
    return function.make(args, as_dict(kwargs)).execute()


cdef PyObject *called_bound(BoundCommandFunction bound, tuple args, PyObject *kwargs) noexcept:
    return PyObject_Call(bound.function, (bound.instance,) + args, kwargs)


cdef void is_method(object cls) noexcept:
    """Tell Python that ``cls`` binds as functions do: then ``instance.method(...)`` makes no bound object.

    Not for what binds to a class or to nothing. Subclasses do not inherit it.
    """
    (<PyTypeObject *>cls).tp_flags |= Py_TPFLAGS_METHOD_DESCRIPTOR
    PyType_Modified(<PyTypeObject *>cls)


for each in (CommandFunction, PlacedCommandFunction):
    (<PyTypeObject *>each).tp_call = <ternaryfunc><void *>called
for each in (AsyncCommandFunction, PlacedAsyncCommandFunction):
    (<PyTypeObject *>each).tp_call = <ternaryfunc><void *>called_async
(<PyTypeObject *>BoundCommandFunction).tp_call = <ternaryfunc><void *>called_bound
is_method(CommandFunction)
is_method(AsyncCommandFunction)
del each

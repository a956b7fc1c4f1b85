"""What ties a command class, a function or a dynamic key to a circuit, and how all ties are made anew."""

from hystrixpy._native.atomics cimport hx_iadd, hx_iload, hx_istore
from hystrixpy._native.building cimport HX_FREE_THREADED
from hystrixpy._native.circuit cimport Circuit

from hystrixpy._native.arguments import text

cdef extern from "instances.h":
    void hx_prepare_class(object cls) noexcept

epoch = 1
cdef object resolver = None             # callable(binding) -> Circuit, the registry's


def install(*, resolve):
    """Set who finds circuits: the registry."""
    global resolver
    resolver = resolve


def new_epoch():
    """Make every binding ask for its circuit again; returns the new epoch."""
    return hx_iadd(&epoch, 1) + 1


def prepare_class(cls not None):
    """Make instances of a command class as cheap as those of a plain class."""
    hx_prepare_class(cls)


cdef str given(str what, object name):
    """A name; blank counts as none given, as it does for classes."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(f"{what}={name!r}: must be a str or None")
    cdef str plain = text(what, name)
    return plain if plain.strip() else None


cdef class Binding:
    """A command class, function or dynamic key on its way to a circuit."""

    def __init__(self, *, key, group, thread_pool, str owner not None,
                 code=None, pool_code=None, bint is_async=False, bint runnable=True, bint has_fallback=False,
                 bint has_cache_key=False):
        self.key, self.group, self.thread_pool = text("key", key), text("group", group), text("thread_pool", thread_pool)
        self.owner = owner
        self.code, self.pool_code = code, pool_code
        self.is_async, self.runnable = is_async, runnable
        self.has_fallback, self.has_cache_key = has_fallback, has_cache_key
        self._kept, self._derived = [], {}

    cdef Circuit current(self):
        cdef Circuit circuit
        if hx_iload(&self.epoch) == hx_iload(&epoch):
            return self.circuit
        return self._rebind()

    cdef Circuit _rebind(self):
        # Read the epoch first: a reset in between makes the next call ask again, never this one's circuit stick.
        cdef int64_t asked = hx_iload(&epoch)
        cdef Circuit circuit = resolver(self)
        if HX_FREE_THREADED:
            self._kept.append(circuit)
        self.circuit = circuit
        hx_istore(&self.epoch, asked)
        return circuit

    def forget(self):
        """Let go of a circuit that was torn down, and of the bindings of single instances, dynamic keys above all.

        To be called where no binding can be bound anew. Without the GIL another thread may be reading; then it stays.
        """
        if HX_FREE_THREADED or hx_iload(&self.epoch) == hx_iload(&epoch):
            return
        derived, self._derived = self._derived, {}
        for each in derived.values():
            each.forget()
        self.circuit = None

    def find_circuit(self):
        """The circuit to use now; PropertyError when the properties of the key are invalid."""
        return self.current()

    def derive(self, key, group, thread_pool):
        """The binding of one instance to another key, group or pool: made once per combination."""
        wanted = (key, group, thread_pool)
        found = self._derived.get(wanted)
        if found is None:
            found = self._derived.setdefault(wanted, self._with(key, group, thread_pool))
        return found

    def _with(self, key, group, thread_pool):
        # The pool's default follows the group, as for a class; a pool that the class names itself stays.
        group = given("group", group)
        default_pool = group if group is not None and self.thread_pool == self.group else self.thread_pool
        return Binding(
            key=given("key", key) or self.key, group=group or self.group,
            thread_pool=given("thread_pool", thread_pool) or default_pool,
            owner=self.owner, code=self.code, pool_code=self.pool_code, is_async=self.is_async,
            runnable=self.runnable, has_fallback=self.has_fallback, has_cache_key=self.has_cache_key,
        )

    def __repr__(self):
        return f"<Binding of {self.owner} to {self.key!r}>"

// A Python object that is a C++ value behind the header that CPython wants.
//
// T is made by T() in __new__, so that no object is without one, and told what it is by the type's tp_init. If it
// holds references, it has traverse(visit, arg) and clear(), and its type Py_TPFLAGS_HAVE_GC.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "binding/boundary.hpp"
#include "binding/python.hpp"
#include "binding/thread_exit.hpp"

namespace binding {

struct ObjectHead {
  PyObject_HEAD
  PyObject* weakrefs;
  PyObject* dict;  // for types that stand for Python classes, on whose objects programs set attributes
};

template <class T>
struct Object {
  ObjectHead head;
  T value;
};

template <class T>
T& value_of(PyObject* self) noexcept {
  return reinterpret_cast<Object<T>*>(self)->value;
}

template <class T>
concept HoldsReferences = requires(T value, visitproc visit, void* arg) {
  value.traverse(visit, arg);
  value.clear();
};

template <class T>
PyObject* Object_new(PyTypeObject* type, PyObject*, PyObject*) noexcept {
  PyObject* self = type->tp_alloc(type, 0);
  if (self != nullptr) new (&value_of<T>(self)) T();
  return self;
}

template <class T>
int Object_traverse(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<ObjectHead*>(self)->dict);
  if constexpr (HoldsReferences<T>) return value_of<T>(self).traverse(visit, arg);
  return 0;
}

template <class T>
int Object_clear(PyObject* self) noexcept {
  drop(std::exchange(reinterpret_cast<ObjectHead*>(self)->dict, nullptr));
  if constexpr (HoldsReferences<T>) value_of<T>(self).clear();
  return 0;
}

template <class T>
void Object_destroy(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  if (reinterpret_cast<ObjectHead*>(self)->weakrefs != nullptr) unless_ended([=] { PyObject_ClearWeakRefs(self); });
  drop(std::exchange(reinterpret_cast<ObjectHead*>(self)->dict, nullptr));
  value_of<T>(self).~T();
  type->tp_free(self);
  Py_DECREF(type);
}

// A chain of a million such objects, each the last to refer to the next, must not be as deep a recursion.
template <class T>
void Object_dealloc(PyObject* self) noexcept {
  if (PyType_IS_GC(Py_TYPE(self))) PyObject_GC_UnTrack(self);
  if constexpr (HoldsReferences<T>) {
    THREADMODULE_TRASHCAN_BEGIN(self, Object_dealloc<T>)
    Object_destroy<T>(self);
    THREADMODULE_TRASHCAN_END
  } else {
    Object_destroy<T>(self);
  }
}

inline PyMemberDef Object_members[] = {
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(ObjectHead, weakrefs), Py_READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

inline PyMemberDef Object_members_and_dict[] = {
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(ObjectHead, weakrefs), Py_READONLY, nullptr},
    {"__dictoffset__", Py_T_PYSSIZET, offsetof(ObjectHead, dict), Py_READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

inline const PyGetSetDef dict_attribute = {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr,
                                           nullptr};

// __reduce__: what threads wait for cannot be copied.
inline Ref refuse_to_pickle(PyObject* self, PyObject*) {
  raise(PyExc_TypeError, "cannot pickle '%s' object", Py_TYPE(self)->tp_name);
}
inline const PyMethodDef reduce_method = {"__reduce__", method<refuse_to_pickle>, METH_NOARGS, nullptr};

// module.qualname of its type, for a repr.
inline Ref qualified_name(PyObject* self) {
  auto* const type = reinterpret_cast<PyObject*>(Py_TYPE(self));
  const Ref module = own(PyObject_GetAttrString(type, "__module__"));
  const Ref name = own(PyObject_GetAttrString(type, "__qualname__"));
  return own(PyUnicode_FromFormat("%S.%S", module.get(), name.get()));
}

// Queue[int] is a types.GenericAlias.
inline const PyMethodDef class_getitem_method = {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, nullptr};

}  // namespace binding

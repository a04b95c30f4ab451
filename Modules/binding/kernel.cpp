#include "binding/kernel.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

#include "binding/boundary.hpp"
#include "binding/kernels/table.hpp"

namespace binding {
namespace {

struct KernelObject {
  PyObject_HEAD
  vectorcallfunc vectorcall;  // CPython calls this, found by __vectorcalloffset__
  const KernelDef* def;
  PyObject* weakrefs;
};

KernelObject* cast(PyObject* self) noexcept { return reinterpret_cast<KernelObject*>(self); }

PyObject* Kernel_vectorcall(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* keywords) noexcept {
  return boundary<PyObject*>(nullptr, [&] {
    const KernelDef& def = *cast(self)->def;
    const auto count = static_cast<std::size_t>(PyVectorcall_NARGS(nargsf));
    return def.call(def, Arguments(def.signature, args, count, keywords, self)).release();
  });
}

// Lifecycle

int Kernel_traverse(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));  // an instance of a heap type owns a reference to it
  return 0;
}

void Kernel_dealloc(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (cast(self)->weakrefs != nullptr) unless_ended([=] { PyObject_ClearWeakRefs(self); });
  PyObject_GC_Del(self);
  drop(reinterpret_cast<PyObject*>(type));
}

// Methods

// Found in a class, a kernel is not bound to the instance. To have a __get__ at all tells inspect and pydoc that
// this is a built-in routine, and then they show its signature.
PyObject* Kernel_descr_get(PyObject* self, PyObject*, PyObject*) noexcept { return Py_NewRef(self); }

Ref Kernel_repr(PyObject* self) {
  return own(PyUnicode_FromFormat("<kernel threadmodule.%s>", cast(self)->def->signature.function));
}

Ref Kernel_name(PyObject* self, void*) { return own(PyUnicode_FromString(cast(self)->def->signature.function)); }

// A docstring of CPython's begins "name(signature)\n--\n\n". The functions that cut it in two are private.
constexpr std::string_view end_of_signature = "\n--\n\n";

// Not a getset: in the type's dictionary it would hide the docstring of the type itself.
Ref Kernel_getattro(PyObject* self, PyObject* name) {
  if (PyUnicode_CompareWithASCIIString(name, "__doc__") != 0) return own(PyObject_GenericGetAttr(self, name));
  const std::string_view doc = cast(self)->def->doc;
  return own(PyUnicode_FromString(doc.data() + doc.find(end_of_signature) + end_of_signature.size()));
}

Ref Kernel_text_signature(PyObject* self, void*) {
  const std::string_view doc = cast(self)->def->doc;
  const auto begin = doc.find('(');
  return own(
      PyUnicode_FromStringAndSize(doc.data() + begin, static_cast<Py_ssize_t>(doc.find(end_of_signature) - begin)));
}

Ref Kernel_reduce(PyObject* self, PyObject*) { return Kernel_name(self, nullptr); }

// Tables

PyMethodDef Kernel_methods[] = {
    {"__reduce__", method<Kernel_reduce>, METH_NOARGS, "Kernels are pickled by name."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef Kernel_getset[] = {
    {"__name__", entry<Kernel_name>, nullptr, nullptr, nullptr},
    {"__qualname__", entry<Kernel_name>, nullptr, nullptr, nullptr},
    {"__text_signature__", entry<Kernel_text_signature>, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMemberDef Kernel_members[] = {
    {"__vectorcalloffset__", Py_T_PYSSIZET, offsetof(KernelObject, vectorcall), Py_READONLY, nullptr},
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(KernelObject, weakrefs), Py_READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot Kernel_slots[] = {
    {Py_tp_doc, const_cast<char*>("A native function that runs in POSIX threads, without the GIL, on any buffer.\n\n"
                                  "Call it, or give it to a Thread as its target.")},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_descr_get, reinterpret_cast<void*>(Kernel_descr_get)},
    {Py_tp_traverse, reinterpret_cast<void*>(Kernel_traverse)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Kernel_dealloc)},
    {Py_tp_getattro, reinterpret_cast<void*>(entry<Kernel_getattro>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Kernel_repr>)},
    {Py_tp_methods, Kernel_methods},
    {Py_tp_getset, Kernel_getset},
    {Py_tp_members, Kernel_members},
    {0, nullptr},
};

}  // namespace

PyType_Spec Kernel_spec = {
    "threadmodule.Kernel",
    sizeof(KernelObject),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE |
        Py_TPFLAGS_DISALLOW_INSTANTIATION,
    Kernel_slots,
};

void add_kernels(PyObject* module, PyTypeObject* kernel_type) {
  for (const auto table : {reductions(), maps(), scans(), series()}) {
    for (const KernelDef& def : table) {
      KernelObject* kernel = PyObject_GC_New(KernelObject, kernel_type);
      if (kernel == nullptr) throw PythonError();
      kernel->vectorcall = Kernel_vectorcall;
      kernel->def = &def;
      kernel->weakrefs = nullptr;
      const Ref owned(reinterpret_cast<PyObject*>(kernel));
      PyObject_GC_Track(kernel);
      check(PyModule_AddObjectRef(module, def.signature.function, owned.get()));
    }
  }
}

std::shared_ptr<Call> prepare_call(PyObject* kernel, PyObject* args, PyObject* kwargs) {
  // As a vectorcall passes them: the positional values, the keyword values, and a tuple of the keywords.
  const Py_ssize_t positional = PyTuple_GET_SIZE(args);
  const Py_ssize_t named = PyDict_GET_SIZE(kwargs);
  std::vector<PyObject*> values;
  values.reserve(static_cast<std::size_t>(positional + named));
  for (Py_ssize_t i = 0; i < positional; ++i) values.push_back(PyTuple_GET_ITEM(args, i));
  const Ref keywords = own(PyTuple_New(named));
  PyObject* keyword = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t position = 0;
  for (Py_ssize_t i = 0; i < named && PyDict_Next(kwargs, &position, &keyword, &value) != 0; ++i) {
    if (PyUnicode_Check(keyword) == 0) raise(PyExc_TypeError, "keywords must be strings");
    PyTuple_SET_ITEM(keywords.get(), i, Py_NewRef(keyword));
    values.push_back(value);
  }
  const KernelDef& def = *cast(kernel)->def;
  auto call = def.prepare(
      def, Arguments(def.signature, values.data(), static_cast<std::size_t>(positional), keywords.get(), kernel));
  if (call->progress) {
    raise(PyExc_TypeError,
          "%s() argument 'progress' is called by the thread that calls the kernel, and a Thread has none",
          def.signature.function);
  }
  return call;
}

}  // namespace binding

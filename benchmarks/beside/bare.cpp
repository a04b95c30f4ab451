// The least that an extension can do: what a call costs, and what the plain loop of C++ over a buffer costs.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace {

PyObject* nothing(PyObject*, PyObject*) { Py_RETURN_NONE; }

// Adds it up and releases it.
PyObject* total_of(Py_buffer& view) {
  const double* a = static_cast<const double*>(view.buf);
  const Py_ssize_t size = view.len / Py_ssize_t{sizeof(double)};
  double total = 0;
  for (Py_ssize_t i = 0; i < size; i++) total += a[i];
  PyBuffer_Release(&view);
  return PyFloat_FromDouble(total);
}

PyObject* sum(PyObject*, PyObject* argument) {
  Py_buffer view;
  if (PyObject_GetBuffer(argument, &view, PyBUF_SIMPLE) != 0) return nullptr;
  return total_of(view);
}

// Does not take any memory for doubles.
PyObject* checked_sum(PyObject*, PyObject* argument) {
  Py_buffer view;
  if (PyObject_GetBuffer(argument, &view, PyBUF_ND | PyBUF_FORMAT) != 0) return nullptr;
  if (view.format == nullptr || view.format[0] != 'd' || view.format[1] != 0) {
    PyBuffer_Release(&view);
    PyErr_SetString(PyExc_TypeError, "doubles expected");
    return nullptr;
  }
  return total_of(view);
}

PyMethodDef methods[] = {
    {"nothing", nothing, METH_O, nullptr},
    {"sum", sum, METH_O, nullptr},
    {"checked_sum", checked_sum, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef_Slot slots[] = {
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr},
};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "bare", nullptr, 0, methods, slots, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_bare() { return PyModuleDef_Init(&definition); }

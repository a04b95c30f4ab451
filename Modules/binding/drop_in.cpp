#include "binding/drop_in.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "binding/boundary.hpp"
#include "binding/state.hpp"
#include "binding/sync/queue_protocol.hpp"
#include "binding/thread.hpp"

namespace binding {
namespace {

constexpr std::array from_threading{
    "BrokenBarrierError", "ExceptHookArgs", "ThreadError", "excepthook", "get_ident", "get_native_id", "getprofile",
    "gettrace",           "local",          "main_thread", "setprofile", "settrace",  "stack_size",
};
constexpr std::array from_queue{"Empty", "Full", "ShutDown"};

Ref threading_attribute(const char* name) {
  const Ref threading = own(PyImport_ImportModule("threading"));
  return own(PyObject_GetAttrString(threading.get(), name));
}

std::vector<Ref> copy_of_references(State& state) {
  std::vector<Ref> references;
  const std::scoped_lock lock(state.registry->mutex);
  references.reserve(state.started.references.size());
  for (const Ref& reference : state.started.references) references.push_back(Ref::copy(reference.get()));
  return references;
}

// The Threads of this module that are alive.
std::vector<Ref> living_threads(State& state) {
  std::vector<Ref> threads;
  for (const Ref& reference : copy_of_references(state)) {
    Ref thread{weak_reference_target(reference.get())};
    if (thread && is_alive(thread.get())) threads.push_back(std::move(thread));
  }
  return threads;
}

// Other threads may start some meanwhile: only those that were looked at are forgotten, and none that has yet to begin.
void forget_ended(State& state) {
  std::vector<Ref> ended = copy_of_references(state);
  std::erase_if(ended, [](const Ref& reference) {
    const Ref thread{weak_reference_target(reference.get())};
    return thread && !has_ended(thread.get());
  });
  std::vector<Ref> forgotten;  // goes after the lock
  const std::scoped_lock lock(state.registry->mutex);
  std::vector<Ref>& references = state.started.references;
  std::erase_if(references, [&](Ref& reference) {
    const auto same = [&](const Ref& other) { return other.get() == reference.get(); };
    if (std::ranges::none_of(ended, same)) return false;
    forgotten.push_back(std::move(reference));
    return true;
  });
  state.started.enough = 2 * references.size() + 16;
}

}  // namespace

void remember_started(State& state, PyObject* reference) {
  StartedThreads& started = state.started;
  bool crowded = false;
  {
    const std::scoped_lock lock(state.registry->mutex);
    started.references.push_back(Ref::copy(reference));
    crowded = started.references.size() > started.enough;
  }
  if (crowded) forget_ended(state);
}

void forget_started(State& state, PyObject* reference) {
  const std::scoped_lock lock(state.registry->mutex);
  std::erase_if(state.started.references, [=](const Ref& other) { return other.get() == reference; });
}

Ref current_thread(PyObject* module, PyObject*) {
  if (const std::shared_ptr<Runner> runner = state_slot(module)->registry->current()) {
    if (PyObject* const thread = runner->thread()) return Ref::copy(thread);
  }
  const Ref function = threading_attribute("current_thread");
  return own(PyObject_CallNoArgs(function.get()));
}

// threading has dummies for our threads, if they have called its current_thread(): those stand here as themselves.
Ref enumerate_threads(PyObject* module, PyObject*) {
  const std::vector<Ref> ours = living_threads(*state_slot(module));
  const Ref dummy = threading_attribute("_DummyThread");
  const Ref function = threading_attribute("enumerate");
  const Ref theirs = own(PyObject_CallNoArgs(function.get()));
  const Ref idents = own(PySet_New(nullptr));
  Ref all = own(PyList_New(0));
  for (const Ref& thread : ours) {
    check(PyList_Append(all.get(), thread.get()));
    check(PySet_Add(idents.get(), own(PyObject_GetAttrString(thread.get(), "ident")).get()));
  }
  Py_ssize_t place = 0;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(theirs.get()); ++i) {
    PyObject* const thread = PyList_GET_ITEM(theirs.get(), i);
    const int is_dummy = PyObject_IsInstance(thread, dummy.get());
    check(is_dummy);
    if (is_dummy != 0) {
      const int known = PySet_Contains(idents.get(), own(PyObject_GetAttrString(thread, "ident")).get());
      check(known);
      if (known != 0) continue;
    }
    check(PyList_Insert(all.get(), place++, thread));
  }
  return all;
}

Ref active_count(PyObject* module, PyObject*) {
  const Ref all = enumerate_threads(module, nullptr);
  return own(PyLong_FromSsize_t(PyList_GET_SIZE(all.get())));
}

Ref module_getattr(PyObject* module, PyObject* name) {
  const char* text = PyUnicode_AsUTF8(name);
  if (text == nullptr) throw PythonError();
  Ref value;
  if (std::ranges::find(from_queue, std::string_view(text)) != from_queue.end()) {
    value = queue_error(*state_slot(module), text);
  } else if (text[0] != '_') {
    const Ref names = threading_attribute("__all__");
    const int known = PySequence_Contains(names.get(), name);
    check(known);
    if (known != 0) value = threading_attribute(text);
  }
  if (!value) raise(PyExc_AttributeError, "module 'threadmodule' has no attribute '%U'", name);
  // From now on it is an attribute; but who sets threading.excepthook shall find it here.
  if (std::string_view(text) != "excepthook") check(PyModule_AddObjectRef(module, text, value.get()));
  return value;
}

void add_all(PyObject* module) {
  const Ref names = own(PyObject_Dir(module));
  const Ref all = own(PyList_New(0));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names.get()); ++i) {
    PyObject* const name = PyList_GET_ITEM(names.get(), i);
    if (PyUnicode_READ_CHAR(name, 0) != '_') check(PyList_Append(all.get(), name));
  }
  const auto add = [&](const char* name) {
    const Ref text = own(PyUnicode_FromString(name));
    const int known = PySequence_Contains(all.get(), text.get());
    check(known);
    if (known == 0) check(PyList_Append(all.get(), text.get()));
  };
  for (const char* name : from_threading) add(name);
  for (const char* name : from_queue) add(name);
  check(PyModule_AddObjectRef(module, "__all__", all.get()));
}

}  // namespace binding

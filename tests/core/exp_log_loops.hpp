// exp and log of whole arrays. Included once for each instruction set, as exp_log.hpp is.
#include "core/kernels/exp_log.hpp"

template <class V>
V load(const Lane<V>* x) {
  V v;
  __builtin_memcpy(&v, x, sizeof v);
  return v;
}

template <class V>
void store(V v, Lane<V>* y) {
  __builtin_memcpy(y, &v, sizeof v);
}

// f changes vectors in place: four by four, and what is left one by one. count is a multiple of the lanes.
template <class V, class F>
void map(const Lane<V>* x, Lane<V>* y, std::size_t count, F f) {
  constexpr std::size_t lanes = sizeof(V) / sizeof(Lane<V>);
  std::size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    V a = load<V>(x + i), b = load<V>(x + i + lanes), c = load<V>(x + i + 2 * lanes), d = load<V>(x + i + 3 * lanes);
    f(a, b, c, d);
    store(a, y + i), store(b, y + i + lanes), store(c, y + i + 2 * lanes), store(d, y + i + 3 * lanes);
  }
  for (; i < count; i += lanes) {
    V a = load<V>(x + i);
    f(a);
    store(a, y + i);
  }
}

template <int size, class T>
void exp_map(const T* x, T* y, std::size_t count) {
  map<typename Register<T, size>::Type>(x, y, count, [](auto&... v) { exp_in_place(v...); });
}

template <int size, class T>
void log_map(const T* x, T* y, std::size_t count) {
  map<typename Register<T, size>::Type>(x, y, count, [](auto&... v) { log_in_place(v...); });
}

// What the machine can do: loops that hardly compute, on threads that are pinned and spin for each other.
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>
#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace {

template <std::size_t bytes>
struct Vector {
  typedef double type __attribute__((vector_size(bytes), aligned(8), may_alias));
};

struct Data {
  const double* a;
  const double* b;
  double* out;
};

using Pass = double (*)(const Data&, std::size_t begin, std::size_t end);

// Eight sums at once hide the latency of an addition. Several streams: memory is read in so many places at a time.
template <std::size_t bytes, std::size_t streams>
double total(const Data& data, std::size_t begin, std::size_t end) {
  using V = Vector<bytes>::type;
  constexpr std::size_t width = bytes / sizeof(double), unrolled = 8 / streams;
  const std::size_t length = (end - begin) / (streams * unrolled * width) * unrolled * width;
  V sums[streams][unrolled] = {};
  for (std::size_t i = 0; i < length; i += unrolled * width) {
    for (std::size_t s = 0; s < streams; s++) {
      const double* p = data.a + begin + s * length + i;
      for (std::size_t u = 0; u < unrolled; u++) sums[s][u] += *reinterpret_cast<const V*>(p + u * width);
    }
  }
  double sum = 0;
  for (std::size_t i = begin + streams * length; i < end; i++) sum += data.a[i];
  for (std::size_t s = 0; s < streams; s++) {
    for (std::size_t u = 0; u < unrolled; u++) {
      for (std::size_t lane = 0; lane < width; lane++) sum += sums[s][u][lane];
    }
  }
  return sum;
}

double copy(const Data& data, std::size_t begin, std::size_t end) {
  std::memcpy(data.out + begin, data.a + begin, (end - begin) * sizeof(double));
  return 0;
}

// Stores that go past the caches, if this machine has them.
void store(double* to, double value) {
#ifdef __x86_64__
  long long bits;
  std::memcpy(&bits, &value, sizeof bits);
  _mm_stream_si64(reinterpret_cast<long long*>(to), bits);
#else
  *to = value;
#endif
}

template <class Map>
double stream(const Data& data, std::size_t begin, std::size_t end, Map map) {
  std::size_t i = begin;
#ifdef __AVX__
#ifdef __AVX512F__
  using V = Vector<64>::type;
  const auto store_all = [](double* to, V v) { _mm512_stream_pd(to, v); };
#else
  using V = Vector<32>::type;
  const auto store_all = [](double* to, V v) { _mm256_stream_pd(to, v); };
#endif
  constexpr std::size_t width = sizeof(V) / sizeof(double);
  for (; i < end && reinterpret_cast<std::size_t>(data.out + i) % sizeof(V) != 0; i++) store(data.out + i, map(i));
  for (; i + width <= end; i += width) {
    V v;
    for (std::size_t lane = 0; lane < width; lane++) v[lane] = map(i + lane);
    store_all(data.out + i, v);
  }
#endif
  for (; i < end; i++) store(data.out + i, map(i));
#ifdef __x86_64__
  _mm_sfence();
#endif
  return 0;
}

double stream_copy(const Data& data, std::size_t begin, std::size_t end) {
  return stream(data, begin, end, [&](std::size_t i) { return data.a[i]; });
}
double stream_add(const Data& data, std::size_t begin, std::size_t end) {
  return stream(data, begin, end, [&](std::size_t i) { return data.a[i] + data.b[i]; });
}
double add(const Data& data, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; i++) data.out[i] = data.a[i] + data.b[i];
  return 0;
}
double sqrt(const Data& data, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; i++) data.out[i] = std::sqrt(data.a[i]);
  return 0;
}

struct Kind {
  const char* name;
  Pass pass;
};

constexpr Kind kinds[] = {
    {"read 16 B", total<16, 1>},
    {"read 16 B x 4", total<16, 4>},
    {"read 32 B", total<32, 1>},
    {"read 32 B x 4", total<32, 4>},
    {"read 64 B", total<64, 1>},
    {"read 64 B x 4", total<64, 4>},
    {"memcpy", copy},
    {"copy past caches", stream_copy},
    {"add", add},
    {"add past caches", stream_add},
    {"sqrt", sqrt},
};

struct alignas(128) Word {
  std::atomic<long> value{0};
};

void pin(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

void relax() noexcept {
#ifdef __x86_64__
  _mm_pause();
#endif
}

}  // namespace

// The name of a kind; null behind the last one.
extern "C" const char* kind_name(std::size_t kind) {
  return kind < sizeof kinds / sizeof *kinds ? kinds[kind].name : nullptr;
}

// Seconds of one pass over n elements by so many threads; the mean of `repeat` passes, before which one is not timed.
extern "C" double seconds(std::size_t kind, unsigned threads, const double* a, const double* b, double* out,
                          std::size_t n, long repeat) {
  cpu_set_t before;
  pthread_getaffinity_np(pthread_self(), sizeof before, &before);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (CPU_ISSET(cpu, &before)) cpus.push_back(cpu);
  }
  const Data data{a, b, out};
  auto share = [&](unsigned t) {  // begins where a cache line does, if the arrays do
    return t == threads ? n : n * t / threads / 8 * 8;
  };
  Word pass;
  const std::unique_ptr<Word[]> done(new Word[threads]);
  volatile double sink = 0;
  auto work = [&](unsigned t) { sink = kinds[kind].pass(data, share(t), share(t + 1)); };
  std::vector<std::thread> others;
  for (unsigned t = 1; t < threads; t++) {
    others.emplace_back([&, t] {
      pin(cpus[t % cpus.size()]);
      for (long i = 1; i <= repeat + 1; i++) {
        while (pass.value.load(std::memory_order_acquire) < i) relax();
        work(t);
        done[t].value.store(i, std::memory_order_release);
      }
    });
  }
  pin(cpus[0]);
  std::chrono::steady_clock::time_point begin;
  for (long i = 1; i <= repeat + 1; i++) {
    if (i == 2) begin = std::chrono::steady_clock::now();
    pass.value.store(i, std::memory_order_release);
    work(0);
    for (unsigned t = 1; t < threads; t++) {
      while (done[t].value.load(std::memory_order_acquire) < i) relax();
    }
  }
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  for (std::thread& other : others) other.join();
  pthread_setaffinity_np(pthread_self(), sizeof before, &before);
  return spent.count() / static_cast<double>(repeat);
}

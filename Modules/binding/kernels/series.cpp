#include <cstdint>
#include <limits>

#include "binding/kernels/table.hpp"
#include "binding/number.hpp"
#include "core/kernels.hpp"

namespace binding {
namespace {

constexpr long long int64_min = std::numeric_limits<std::int64_t>::min();
constexpr long long int64_max = std::numeric_limits<std::int64_t>::max();

class SumOfSquares final : public Call {
 public:
  SumOfSquares(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments),
        n_(static_cast<std::uint64_t>(
            integer_from(arguments.function(), arguments.name(0), arguments[0], 0, int64_max))) {}
  void run(core::Control& control) override { result_ = core::sum_of_squares(n_, control); }
  Ref result() const override { return to_python(result_); }
  double cost() const noexcept override { return core::cost_of_series() * static_cast<double>(n_); }

 private:
  std::uint64_t n_;
  core::Wide result_;
};

class Pi final : public Call {
 public:
  Pi(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments),
        n_(static_cast<std::uint64_t>(
            integer_from(arguments.function(), arguments.name(0), arguments[0], 1, int64_max))) {}
  void run(core::Control& control) override { result_ = core::pi(n_, control); }
  Ref result() const override { return own(PyFloat_FromDouble(result_)); }
  double cost() const noexcept override { return core::cost_of_series() * static_cast<double>(n_); }

 private:
  std::uint64_t n_;
  double result_ = 0;
};

class DoMath final : public Call {
 public:
  DoMath(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments), start_(integer_or(arguments, 0, 0)), num_(integer_or(arguments, 1, 10)) {}
  void run(core::Control& control) override { result_ = core::do_math(start_, num_, control); }
  Ref result() const override { return own(PyFloat_FromDouble(result_)); }
  double cost() const noexcept override {
    return core::cost_of_series() * (static_cast<double>(num_) - static_cast<double>(start_));
  }

 private:
  static std::int64_t integer_or(const Arguments& arguments, std::size_t parameter, std::int64_t otherwise) {
    if (arguments[parameter] == nullptr) return otherwise;
    return integer_from(arguments.function(), arguments.name(parameter), arguments[parameter], int64_min, int64_max);
  }

  std::int64_t start_;
  std::int64_t num_;
  double result_ = 0;
};

constexpr const char* n_names[] = {"n", "threads", "progress"};
constexpr const char* do_math_names[] = {"start", "num", "threads", "progress"};

constexpr KernelDef table[] = {
    {{"sum_of_squares", n_names, 1},
     1,
     "sum_of_squares(n, threads=None, progress=None)\n--\n\n"
     "Return 0*0 + 1*1 + ... + (n-1)*(n-1) as an exact int, added up term by term.\n\n"
     "n: an int from 0 to 2**63 - 1.\n" THREADS_DOC,
     0,
     call_now<SumOfSquares>,
     prepare<SumOfSquares>},
    {{"pi", n_names, 1},
     1,
     "pi(n, threads=None, progress=None)\n--\n\n"
     "Return an approximation of pi: the integral of 4 / (1 + x*x) from 0 to 1 by the midpoint rule.\n\n"
     "n: the number of intervals, an int from 1 to 2**63 - 1; the error is about 1 / (12 * n**2).\n" THREADS_DOC,
     0,
     call_now<Pi>,
     prepare<Pi>},
    {{"do_math", do_math_names, 0},
     2,
     "do_math(start=0, num=10, threads=None, progress=None)\n--\n\n"
     "Return the sum of sqrt((p - 10**6)**2), the distance from p to a million, for p = start+1, ..., num.\n\n"
     "start, num: ints of 64 bits; no p between them gives 0.0.\n" THREADS_DOC,
     0,
     call_now<DoMath>,
     prepare<DoMath>},
};

}  // namespace

std::span<const KernelDef> series() noexcept { return table; }

}  // namespace binding

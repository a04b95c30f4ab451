// What libstdc++ does when std::terminate is called, in fewer words. Its own handler names the exception in flight, and
// for that the linker would take in a demangler of 47 KB. Only a bug gets here.
#include <cstdio>
#include <cstdlib>

namespace __gnu_cxx {  // NOLINT(bugprone-reserved-identifier): replaced as operator new may be, if linked statically

// NOLINTNEXTLINE(bugprone-reserved-identifier,misc-use-internal-linkage)
void __verbose_terminate_handler() {
  std::fputs("threadmodule: std::terminate called: please report this bug\n", stderr);
  std::abort();
}

}  // namespace __gnu_cxx

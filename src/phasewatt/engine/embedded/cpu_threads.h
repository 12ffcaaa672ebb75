#pragma once

#include <cstdint>

#if defined(_OPENMP)
#include <omp.h>
#endif

/// Threads of the CPU's decoder. Internal to engine.
namespace phasewatt::engine::embedded {

/// Calls work(i, thread) for every i below `count`, on `threads` threads of OpenMP's; `thread` is below `threads`. The
/// same i are on the same thread in every call, so that it finds its weights in its own cache. `work` must not throw.
/// One thread is the caller's, without OpenMP; so are all in a build that has none.
template <class Work>
void share(int threads, std::int64_t count, const Work& work) {
#if defined(_OPENMP)
  if (threads > 1) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (std::int64_t i = 0; i < count; ++i) work(i, omp_get_thread_num());
    return;
  }
#endif
  (void)threads;
  for (std::int64_t i = 0; i < count; ++i) work(i, 0);
}

}  // namespace phasewatt::engine::embedded

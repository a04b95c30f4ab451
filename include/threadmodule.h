/* threadmodule's threads for other C and C++ extensions.
 *
 * Compile with -I and what threadmodule.get_include() says, link nothing. In your module's exec function:
 *
 *     const ThreadmoduleAPI *api = threadmodule_import();
 *     if (api == NULL) return -1;
 *
 * and where the work is, with or without the GIL (without is better: it is not released for you):
 *
 *     static void body(void *context, size_t begin, size_t end) { ... }
 *
 *     int error = api->parallel_for(count, grain, 0, body, &data);
 */
#ifndef THREADMODULE_H
#define THREADMODULE_H

#include <Python.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a member changes or goes. Members that are added come at the end and raise only struct_size. */
#define THREADMODULE_ABI_VERSION 1
#define THREADMODULE_CAPSULE "threadmodule._C_API"

/* Works on the indices begin, begin + 1, ..., end - 1. Runs in several threads at once, none of which is attached to
 * an interpreter: it must not touch Python, must not throw and must not longjmp. */
typedef void (*ThreadmoduleBody)(void *context, size_t begin, size_t end);

typedef struct {
    unsigned int abi_version;
    size_t struct_size;

    /* How many CPUs affinity, cgroup and THREADMODULE_NUM_THREADS allow; at least 1. */
    unsigned int (*cpu_count)(void);

    /* Cuts [0, count) into chunks of at most `grain` indices and calls body(context, begin, end) once for each, on at
     * most `threads` threads, the calling one included, and no more than get_num_threads(); 0: as many as the first
     * chunk's time says that the work is worth. The cuts depend on count and grain alone. Returns 0 when all are done,
     * or EINVAL at once for a NULL body or a grain of 0; ECANCELED if the process forked in between and this is the
     * child. Where no thread can be started, the calling one does the work alone. */
    int (*parallel_for)(size_t count, size_t grain, unsigned int threads, ThreadmoduleBody body, void *context);
} ThreadmoduleAPI;

/* Imports threadmodule. Attached. NULL with an exception set if it is not there, or too old for this header. */
static inline const ThreadmoduleAPI *
threadmodule_import(void)
{
    const ThreadmoduleAPI *api = (const ThreadmoduleAPI *)PyCapsule_Import(THREADMODULE_CAPSULE, 0);
    if (api == NULL) {
        return NULL;
    }
    if (api->abi_version != THREADMODULE_ABI_VERSION || api->struct_size < sizeof(ThreadmoduleAPI)) {
        PyErr_Format(PyExc_ImportError, "threadmodule has C API version %u, this extension was built for %u",
                     api->abi_version, (unsigned int)THREADMODULE_ABI_VERSION);
        return NULL;
    }
    return api;
}

#ifdef __cplusplus
}
#endif

#endif

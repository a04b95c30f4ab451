# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The plain loops in Cython; threads=1 is a plain call without OpenMP."""

from cython.parallel cimport prange
from libc.math cimport exp as c_exp, log as c_log, sqrt as c_sqrt
cimport openmp


def set_num_threads(int threads):
    openmp.omp_set_num_threads(threads)


def sum(const double[::1] a):
    cdef Py_ssize_t i
    cdef double total = 0
    for i in prange(a.shape[0], nogil=True, schedule="static"):
        total += a[i]
    return total


def serial_sum(const double[::1] a):
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(a.shape[0]):
        total += a[i]
    return total


def dot(const double[::1] a, const double[::1] b):
    cdef Py_ssize_t i
    cdef double total = 0
    for i in prange(a.shape[0], nogil=True, schedule="static"):
        total += a[i] * b[i]
    return total


def mean(const double[::1] a):
    return sum(a) / a.shape[0]


def var(const double[::1] a):
    cdef Py_ssize_t i
    cdef double middle = mean(a), total = 0
    for i in prange(a.shape[0], nogil=True, schedule="static"):
        total += (a[i] - middle) * (a[i] - middle)
    return total / a.shape[0]


def pi(Py_ssize_t n):
    cdef Py_ssize_t i
    cdef double total = 0, x
    for i in prange(n, nogil=True, schedule="static"):
        x = (i + 0.5) / n
        total += 4 / (1 + x * x)
    return total / n


def serial_pi(Py_ssize_t n):
    cdef Py_ssize_t i
    cdef double total = 0, x
    for i in range(n):
        x = (i + 0.5) / n
        total += 4 / (1 + x * x)
    return total / n


def square(const double[::1] a, double[::1] out):
    cdef Py_ssize_t i
    for i in prange(a.shape[0], nogil=True, schedule="static"):
        out[i] = a[i] * a[i]


def sqrt(const double[::1] a, double[::1] out):
    cdef Py_ssize_t i
    for i in prange(a.shape[0], nogil=True, schedule="static"):
        out[i] = c_sqrt(a[i])


def exp(const double[::1] a, double[::1] out):
    cdef Py_ssize_t i
    for i in prange(a.shape[0], nogil=True, schedule="static"):
        out[i] = c_exp(a[i])


def log(const double[::1] a, double[::1] out):
    cdef Py_ssize_t i
    for i in prange(a.shape[0], nogil=True, schedule="static"):
        out[i] = c_log(a[i])


def add(const double[::1] a, const double[::1] b, double[::1] out):
    cdef Py_ssize_t i
    for i in prange(a.shape[0], nogil=True, schedule="static"):
        out[i] = a[i] + b[i]

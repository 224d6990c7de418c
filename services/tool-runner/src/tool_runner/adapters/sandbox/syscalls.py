"""Which system calls does Python need that neither reaches the network nor changes its own cage?

Numbers of x86_64 (arch/x86/entry/syscalls/syscall_64.tbl of Linux). What is not here is refused; a new one is added
only when something of the standard library needs it, and never one that mounts, traces, loads or makes namespaces.
Left out although harmless-looking: splice, tee and vmsplice (a source of kernel holes that nothing here needs)."""

_FILES = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8,
    "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "access": 21, "pipe": 22, "select": 23,
    "dup": 32, "dup2": 33, "sendfile": 40, "flock": 73, "fsync": 74, "fdatasync": 75,
    "truncate": 76, "ftruncate": 77, "getdents": 78, "getcwd": 79, "chdir": 80, "fchdir": 81, "rename": 82,
    "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89,
    "chmod": 90, "fchmod": 91, "umask": 95, "utime": 132, "statfs": 137, "fstatfs": 138,
    "epoll_create": 213, "getdents64": 217, "fadvise64": 221, "epoll_wait": 232, "epoll_ctl": 233, "utimes": 235,
    "openat": 257, "mkdirat": 258, "newfstatat": 262, "unlinkat": 263, "renameat": 264, "linkat": 265,
    "symlinkat": 266, "readlinkat": 267, "fchmodat": 268, "faccessat": 269, "pselect6": 270, "ppoll": 271,
    "utimensat": 280, "epoll_pwait": 281, "timerfd_create": 283, "eventfd": 284, "fallocate": 285,
    "timerfd_settime": 286, "timerfd_gettime": 287, "eventfd2": 290, "epoll_create1": 291, "dup3": 292,
    "pipe2": 293, "preadv": 295, "pwritev": 296, "renameat2": 316, "memfd_create": 319, "copy_file_range": 326,
    "preadv2": 327, "pwritev2": 328, "statx": 332, "close_range": 436, "openat2": 437, "faccessat2": 439,
    "epoll_pwait2": 441,
}  # fmt: skip
_MEMORY_AND_TIME = {
    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "mremap": 25, "msync": 26, "mincore": 27, "madvise": 28,
    "nanosleep": 35, "getitimer": 36, "alarm": 37, "setitimer": 38, "gettimeofday": 96, "times": 100, "time": 201,
    "timer_create": 222, "timer_settime": 223, "timer_gettime": 224, "timer_getoverrun": 225, "timer_delete": 226,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "getrandom": 318, "membarrier": 324,
}  # fmt: skip
_PROCESSES = {
    "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "pause": 34, "getpid": 39,
    "fork": 57, "vfork": 58, "execve": 59, "exit": 60, "wait4": 61, "kill": 62, "uname": 63, "getrlimit": 97,
    "getrusage": 98, "sysinfo": 99, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "setpgid": 109,
    "getppid": 110, "getpgrp": 111, "setsid": 112, "getgroups": 115, "getresuid": 118, "getresgid": 120,
    "getpgid": 121, "getsid": 124, "rt_sigpending": 127, "rt_sigtimedwait": 128, "rt_sigsuspend": 130,
    "sigaltstack": 131, "getpriority": 140, "sched_getparam": 143, "sched_getscheduler": 145,
    "sched_get_priority_max": 146, "sched_get_priority_min": 147, "prctl": 157, "arch_prctl": 158, "gettid": 186,
    "futex": 202, "sched_getaffinity": 204, "set_tid_address": 218, "exit_group": 231, "tgkill": 234, "waitid": 247,
    "set_robust_list": 273, "get_robust_list": 274, "prlimit64": 302, "getcpu": 309, "rseq": 334,
}  # fmt: skip
_LOCAL_SOCKETS = {
    "connect": 42, "accept": 43, "sendto": 44, "recvfrom": 45, "sendmsg": 46, "recvmsg": 47, "shutdown": 48,
    "bind": 49, "listen": 50, "getsockname": 51, "getpeername": 52, "setsockopt": 54, "getsockopt": 55, "accept4": 288,
}  # fmt: skip

ALLOWED = _FILES | _MEMORY_AND_TIME | _PROCESSES | _LOCAL_SOCKETS
"""Allowed whatever their arguments are."""
IOCTL, SOCKET, SOCKETPAIR, CLONE, FCNTL, CLONE3 = 16, 41, 53, 56, 72, 435
"""Allowed for some arguments, see seccomp.py."""

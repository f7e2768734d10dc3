/* LD_PRELOAD library that injects faults into fsync, fdatasync and msync. Each call reads the file named by SYNC_FAULTS:
* "hold" blocks the call until the content changes or the file is removed, "fail" makes the call fail with EIO, and
* without a file there is no fault. Each blocked call writes a line to the pipe named by SYNC_FAULTS_HELD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum fault { NONE, HOLD, FAIL };

static enum fault current(void) {
    const char *path = getenv("SYNC_FAULTS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char text[4] = {0};
    if (file < 0) return NONE;
    ssize_t length = read(file, text, sizeof text);
    close(file);
    if (length == 4 && memcmp(text, "hold", 4) == 0) return HOLD;
    if (length == 4 && memcmp(text, "fail", 4) == 0) return FAIL;
    return NONE;
}

static void report(void) {
    const char *path = getenv("SYNC_FAULTS_HELD");
    int held = path ? open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (held < 0) return;
    ssize_t written = write(held, "held\n", 5);
    (void)written;
    close(held);
}

/* Waits while calls are held, and returns whether the call must fail. */
static int fails(void) {
    enum fault fault = current();
    if (fault == HOLD) report();
    while (fault == HOLD) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        fault = current();
    }
    if (fault == FAIL) errno = EIO;
    return fault == FAIL;
}

int fsync(int file) {
    int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
    return fails() ? -1 : next(file);
}

int fdatasync(int file) {
    int (*next)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return fails() ? -1 : next(file);
}

int msync(void *start, size_t length, int flags) {
    int (*next)(void *, size_t, int) = dlsym(RTLD_NEXT, "msync");
    return fails() ? -1 : next(start, length, flags);
}

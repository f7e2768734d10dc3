/* Faults of a disk's syncs, for a process that is started with LD_PRELOAD. The file that SYNC_FAULTS names says
 * which, at each call of fsync, fdatasync and msync: "hold" keeps the call until the file is gone, "fail" lets it fail
 * with EIO. No file, no fault. Each call that is held is told by a line in the pipe that SYNC_FAULTS_HELD names. */
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

/* Whether the call is to fail. */
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

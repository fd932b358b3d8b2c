/* A disk that fails on demand, below SQLite: preloaded (LD_PRELOAD) into a process, it stands between it and the files
 * of FAULTS_DIR whose names end in ".db" or "-wal".
 *
 * It knows what a real disk would have kept: writes are pending until their file is flushed. FAULTS_PLAN is a list of
 * KIND:AT:COUNT, separated by commas; an operation is a write, a truncation or a flush of one of these files, and AT counts them
 * from 0:
 *   full    writes fail with ENOSPC           fail   writes fail with EIO
 *   short   half of each write is written     sync   flushes fail with EIO, and what was pending is never flushed (as Linux does)
 *   cut     the power goes: each file is as it was last flushed, and the process ends with 137
 *   tear    the same, and each pending write is there or not by chance (FAULTS_SEED), perhaps cut at 512 bytes
 * What a directory holds is taken to be kept at once.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 64
#define DESCRIPTORS 4096
#define EVENTS 16

struct change {
    off64_t at;
    size_t length; /* of a write */
    char *data;    /* null: the file is `at` bytes long from here on */
    struct change *next;
};

struct file {
    char path[512];
    char *flushed;
    size_t length;
    struct change *first, **last;
};

struct event {
    char kind[8];
    long at, count;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static int file_count;
static struct file *open_files[DESCRIPTORS];
static struct event events[EVENTS];
static int event_count;
static long operations;
static unsigned long long chance_state;
static const char *folder;

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_truncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_close)(int);
static int (*real_unlink)(const char *);

static void die(const char *why) {
    dprintf(2, "faults: %s\n", why);
    _exit(99);
}

__attribute__((constructor)) static void begin(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_truncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_close = dlsym(RTLD_NEXT, "close");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    folder = getenv("FAULTS_DIR");
    const char *seed = getenv("FAULTS_SEED"), *plan = getenv("FAULTS_PLAN");
    chance_state = seed ? strtoull(seed, NULL, 10) : 1;
    while (plan && *plan && event_count < EVENTS) {
        struct event *e = &events[event_count++];
        if (sscanf(plan, "%7[a-z]:%ld:%ld", e->kind, &e->at, &e->count) != 3) die("FAULTS_PLAN is not KIND:AT:COUNT,...");
        plan = strchr(plan, ',');
        if (plan) plan++;
    }
}

static unsigned chance(void) { /* splitmix64 */
    unsigned long long z = (chance_state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return (unsigned)((z ^ (z >> 31)) >> 33);
}

static int ends(const char *text, const char *end) {
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static int is_watched(const char *path) {
    return folder && strncmp(path, folder, strlen(folder)) == 0 && (ends(path, ".db") || ends(path, "-wal"));
}

/* The file at a path; what is in it when it is first seen was flushed. */
static struct file *file_at(const char *path) {
    for (int i = 0; i < file_count; i++)
        if (strcmp(files[i].path, path) == 0) return &files[i];
    if (file_count == FILES || strlen(path) >= sizeof files[0].path) die("too many files");
    struct file *f = &files[file_count++];
    strcpy(f->path, path);
    f->last = &f->first;
    int fd = real_open(path, O_RDONLY | O_CLOEXEC);
    struct stat64 st;
    if (fd >= 0 && fstat64(fd, &st) == 0) {
        f->flushed = malloc(st.st_size + 1);
        while (f->length < (size_t)st.st_size) {
            ssize_t n = read(fd, f->flushed + f->length, st.st_size - f->length);
            if (n <= 0) die("a file can't be read");
            f->length += n;
        }
    }
    if (fd >= 0) real_close(fd);
    return f;
}

static void grow(struct file *f, size_t length) {
    if (length > f->length) {
        f->flushed = realloc(f->flushed, length + 1);
        memset(f->flushed + f->length, 0, length - f->length);
        f->length = length;
    }
}

static void apply(struct file *f, const struct change *c, size_t length) {
    if (c->data) {
        grow(f, c->at + length);
        memcpy(f->flushed + c->at, c->data, length);
    } else {
        grow(f, c->at);
        f->length = c->at;
    }
}

static void add(struct file *f, off64_t at, const void *data, size_t length) {
    struct change *c = calloc(1, sizeof *c);
    c->at = at;
    c->length = length;
    if (data) memcpy(c->data = malloc(length + 1), data, length);
    *f->last = c;
    f->last = &c->next;
}

/* What is pending is flushed, or never will be. */
static void settle(struct file *f, int flushed) {
    for (struct change *c = f->first, *next; c; c = next) {
        next = c->next;
        if (flushed) apply(f, c, c->length);
        free(c->data);
        free(c);
    }
    f->first = NULL;
    f->last = &f->first;
}

static void cut(int tear) {
    for (int i = 0; i < file_count; i++) {
        struct file *f = &files[i];
        for (struct change *c = f->first; tear && c; c = c->next) {
            unsigned luck = chance() % 4;
            if (luck < 2) apply(f, c, c->length);
            else if (luck == 2 && c->data) apply(f, c, c->length / 2 / 512 * 512);
        }
        int fd = real_open(f->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (fd < 0) continue; /* deleted */
        for (size_t done = 0; done < f->length;) {
            ssize_t n = real_write(fd, f->flushed + done, f->length - done);
            if (n <= 0) die("a file can't be put back");
            done += n;
        }
        real_close(fd);
    }
    _exit(137);
}

/* Whether this operation, counted once, is in an event of a kind. */
static int happens(const char *kind, long operation) {
    for (int i = 0; i < event_count; i++)
        if (strcmp(events[i].kind, kind) == 0 && operation >= events[i].at && operation < events[i].at + events[i].count)
            return 1;
    return 0;
}

static long count(void) {
    long operation = operations++;
    if (happens("cut", operation)) cut(0);
    if (happens("tear", operation)) cut(1);
    return operation;
}

static struct file *watched(int fd) { return fd >= 0 && fd < DESCRIPTORS ? open_files[fd] : NULL; }

static ssize_t put(struct file *f, int fd, const void *data, size_t length, off64_t at, int positioned) {
    long operation = count();
    errno = happens("full", operation) ? ENOSPC : happens("fail", operation) ? EIO : 0;
    if (errno) return -1;
    if (happens("short", operation) && length > 1) length /= 2;
    ssize_t n = positioned ? real_pwrite(fd, data, length, at) : real_write(fd, data, length);
    if (n > 0) add(f, at, data, n);
    return n;
}

ssize_t write(int fd, const void *data, size_t length) {
    struct file *f = watched(fd);
    if (!f) return real_write(fd, data, length);
    pthread_mutex_lock(&lock);
    ssize_t n = put(f, fd, data, length, lseek64(fd, 0, SEEK_CUR), 0);
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    struct file *f = watched(fd);
    if (!f) return real_pwrite(fd, data, length, at);
    pthread_mutex_lock(&lock);
    ssize_t n = put(f, fd, data, length, at, 1);
    pthread_mutex_unlock(&lock);
    return n;
}

int ftruncate64(int fd, off64_t length) {
    struct file *f = watched(fd);
    if (!f) return real_truncate(fd, length);
    pthread_mutex_lock(&lock);
    count();
    int result = real_truncate(fd, length);
    if (result == 0) add(f, length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) {
    struct file *f = watched(fd);
    if (!f) return real_fsync(fd);
    pthread_mutex_lock(&lock);
    int failed = happens("sync", count());
    settle(f, !failed);
    pthread_mutex_unlock(&lock);
    if (failed) errno = EIO;
    return failed ? -1 : 0;
}

int fdatasync(int fd) { return fsync(fd); }

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (!is_watched(path)) return real_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    struct file *f = file_at(path);
    int fd = real_open(path, flags, mode);
    if (fd >= DESCRIPTORS) die("too many descriptors");
    if (fd >= 0) open_files[fd] = f;
    if (fd >= 0 && flags & O_TRUNC) add(f, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return fd;
}

int close(int fd) {
    if (fd >= 0 && fd < DESCRIPTORS) open_files[fd] = NULL;
    return real_close(fd);
}

int unlink(const char *path) {
    if (is_watched(path)) {
        pthread_mutex_lock(&lock);
        struct file *f = file_at(path);
        settle(f, 0);
        f->length = 0;
        pthread_mutex_unlock(&lock);
    }
    return real_unlink(path);
}

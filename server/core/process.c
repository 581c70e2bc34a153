/* SPDX-License-Identifier: Apache-2.0
 *
 * Read anew each time: /proc/self tells without waiting for anything. Names and units are those of Prometheus'
 * clients, so that dashboards made for any program fit this one.
 */
#include "core/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

static void put_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", name, help, name, type, name);
}

static void put_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    put_head(out, name, "gauge", help);
    buf_printf(out, "%" PRIu64 "\n", value);
}

/* What is in use tells of leaks; what malloc keeps beside it, of fragmentation and of past peaks. */
static void put_heap(struct buf *out)
{
    struct mallinfo2 m = mallinfo2();
    put_gauge(out, "dppr_heap_used_bytes", "octets of the heap in use", m.uordblks + m.hblkhd);
    put_gauge(out, "dppr_heap_large_bytes", "of these, in pieces so large that they are mapped",
              m.hblkhd);
    put_gauge(out, "dppr_heap_kept_bytes", "octets of the heap kept for later use", m.fordblks);
}

/* A file of /proc, without its last line feed; "" = it cannot be read. */
static void read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

/* Seconds since 1970 at which the system started; 0 = unknown. */
static double boot_time(void)
{
    struct timespec wall, since_boot;

    if (clock_gettime(CLOCK_REALTIME, &wall) != 0 ||
        clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0)
        return 0;
    return (double)(wall.tv_sec - since_boot.tv_sec) +
           (double)(wall.tv_nsec - since_boot.tv_nsec) / 1e9;
}

/* proc(5), /proc/pid/stat: fields are counted behind the program's name, which may hold anything. The first that is
 * read is field 3. */
static void put_stat(struct buf *out)
{
    enum { FIRST = 3, UTIME = 14, STIME = 15, STARTTIME = 22, VSIZE = 23, RSS = 24 };
    static double started; /* asked for once: the wall clock may be set; main loop only */
    unsigned long long fields[RSS + 1] = {0};
    char text[1024], *at, *rest = NULL;
    double tick = (double)sysconf(_SC_CLK_TCK);

    read_file("/proc/self/stat", text, sizeof(text));
    at = strrchr(text, ')');
    at = at ? strtok_r(at + 1, " ", &rest) : NULL;
    for (unsigned i = FIRST; at && i <= RSS; i++, at = strtok_r(NULL, " ", &rest))
        fields[i] = strtoull(at, NULL, 10);
    if (fields[VSIZE] == 0)
        return;
    if (started == 0)
        started = boot_time() + (double)fields[STARTTIME] / tick;
    put_head(out, "process_cpu_seconds_total", "counter", "processor time used");
    buf_printf(out, "%.2f\n", (double)(fields[UTIME] + fields[STIME]) / tick);
    put_head(out, "process_start_time_seconds", "gauge", "when it was started, since 1970");
    buf_printf(out, "%.2f\n", started);
    put_gauge(out, "process_virtual_memory_bytes", "address space", fields[VSIZE]);
    put_gauge(out, "process_resident_memory_bytes", "memory in use",
              fields[RSS] * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void put_files(struct buf *out)
{
    struct rlimit limit;
    DIR *folder = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (folder) {
        for (struct dirent *e; (e = readdir(folder));)
            count += e->d_name[0] != '.';
        closedir(folder);
        put_gauge(out, "process_open_fds", "open descriptors", count - 1); /* not the folder's */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        put_gauge(out, "process_max_fds", "how many descriptors it may have", limit.rlim_cur);
}

void process_print(struct buf *out)
{
    put_heap(out);
    put_stat(out);
    put_files(out);
}

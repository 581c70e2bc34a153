/* SPDX-License-Identifier: Apache-2.0
 *
 * Files in, files out.
 *
 * In: folders are walked without following links inside them, sorted, regular files only; a file is read
 * whole up to a bound. Out: content goes to a temporary file beside its place and appears by rename, so
 * that it is there whole or not at all, and never takes the place of other content. A path is built only
 * from a UID that has passed dcm_uid_is_valid: digits and dots cannot leave the folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/part10.h"

static void add_file(struct file_list *l, const char *path)
{
    if ((l->count & (l->count - 1)) == 0) { /* full at each power of two */
        size_t room = l->count ? (size_t)l->count * 2 : 1;
        char **more = realloc(l->paths, room * sizeof(*more));
        if (!more)
            abort(); /* an ordinary command without memory for a list of names */
        l->paths = more;
    }
    l->paths[l->count++] = xstrdup(path);
}

/* What lies in folders beside DICOM objects and is none. */
static bool is_passed_over(const char *name)
{
    const char *dot = strrchr(name, '.');

    return name[0] == '.' || strcmp(name, "DICOMDIR") == 0 ||
           (dot && (strcasecmp(dot, ".md") == 0 || strcasecmp(dot, ".txt") == 0));
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void walk_entry(struct file_list *l, FTS *tree, FTSENT *e,
                       void (*on_error)(const char *path, const char *why, void *arg), void *arg)
{
    switch (e->fts_info) {
    case FTS_D:
        if (e->fts_level > 0 && e->fts_name[0] == '.')
            fts_set(tree, e, FTS_SKIP);
        break;
    case FTS_F:
        if (e->fts_level > 0 && is_passed_over(e->fts_name))
            l->skipped++;
        else
            add_file(l, e->fts_path);
        break;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        on_error(e->fts_path, strerror(e->fts_errno), arg);
        break;
    case FTS_SLNONE:
        on_error(e->fts_path, "the link points nowhere", arg);
        break;
    case FTS_DEFAULT:
        on_error(e->fts_path, "not a regular file", arg);
        break;
    default:
        break; /* end of a folder, links inside folders */
    }
}

void files_collect(struct file_list *l, const char *const *paths, unsigned count,
                   void (*on_error)(const char *path, const char *why, void *arg), void *arg)
{
    memset(l, 0, sizeof(*l));
    for (unsigned i = 0; i < count; i++) {
        char *copy = xstrdup(paths[i]);
        char *const roots[] = {copy, NULL};
        FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
        FTSENT *e;

        if (!tree)
            on_error(copy, strerror(errno), arg);
        while (tree && (e = fts_read(tree)) != NULL)
            walk_entry(l, tree, e, on_error, arg);
        if (tree)
            fts_close(tree);
        free(copy);
    }
}

void files_free(struct file_list *l)
{
    for (unsigned i = 0; i < l->count; i++)
        free(l->paths[i]);
    free(l->paths);
    memset(l, 0, sizeof(*l));
}

static enum rc read_fd(int fd, const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    for (;;) {
        uint8_t *room = buf_reserve(out, 64 * 1024);
        if (!room)
            return err_set(err, RC_NOMEM, "%.160s: no memory", path);
        ssize_t n = read(fd, room, 64 * 1024);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, RC_IO, "%.160s: %s", path, strerror(errno));
        if (n == 0)
            return RC_OK;
        out->len += (size_t)n;
        if (out->len > max_bytes)
            return err_set(err, RC_LIMIT, "%.160s: larger than %zu octets", path, max_bytes);
    }
}

enum rc files_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    /* Nonblocking, so that a FIFO without a writer cannot hold us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    buf_clear(out);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, "%.160s: %s", path,
                       strerror(errno));
    enum rc rc = RC_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = err_set(err, RC_IO, "%.160s: not a regular file", path);
    else if ((uintmax_t)st.st_size > max_bytes)
        rc = err_set(err, RC_LIMIT, "%.160s: larger than %zu octets", path, max_bytes);
    else
        rc = read_fd(fd, path, max_bytes, out, err);
    close(fd);
    return rc;
}

enum rc files_map(const char *path, struct span *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    enum rc rc = RC_OK;

    *out = span_of("", 0);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, "%s", strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        rc = err_set(err, RC_IO, "not a regular file");
    } else if (st.st_size > 0) {
        void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED)
            rc = err_set(err, RC_IO, "%s", strerror(errno));
        else
            *out = span_of(at, (size_t)st.st_size);
    }
    close(fd);
    return rc;
}

void files_unmap(struct span content)
{
    if (content.len > 0)
        munmap((void *)(uintptr_t)content.data, content.len);
}

static enum rc write_all(int fd, struct span content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.data, content.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return RC_IO;
        content = span_of(content.data + n, content.len - (size_t)n);
    }
    return fsync(fd) == 0 ? RC_OK : RC_IO;
}

/* What is at path already: RC_NOTFOUND nothing, RC_OK the same, RC_CONFLICT something else. */
static enum rc compare_there(const char *path, struct span content, files_same_cb is_same,
                             struct err *err)
{
    struct buf there = {0};
    enum rc rc = files_read(path, content.len + (1 << 20), &there, err);

    if (rc == RC_NOTFOUND)
        return rc;
    if (rc == RC_OK &&
        (is_same ? is_same(buf_span(&there), content) : span_equal(buf_span(&there), content))) {
        buf_fini(&there);
        return RC_OK;
    }
    buf_fini(&there);
    return err_set(err, RC_CONFLICT, "%.160s exists with other content", path);
}

/* rename(2) that replaces nothing, also on file systems that do not know RENAME_NOREPLACE. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(from, to) == 0)
        return unlink(from);
    if (errno == EEXIST)
        return -1;
    if (access(to, F_OK) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

enum rc files_write_new(const char *dir, const char *name, struct span content,
                        files_same_cb is_same, bool *was_there, struct err *err)
{
    struct buf path = {0}, temporary = {0};
    int fd = -1;
    enum rc rc;

    *was_there = false;
    buf_printf(&path, "%s/%s", dir, name);
    buf_printf(&temporary, "%s/.%s.%ld.part", dir, name, (long)getpid());
    const char *final_path = buf_cstr(&path), *part = buf_cstr(&temporary);
    if (strchr(name, '/') || name[0] == '.' || !*name) {
        rc = err_set(err, RC_INTERNAL, "'%.80s' is no file name", name);
        goto out;
    }
    rc = compare_there(final_path, content, is_same, err);
    *was_there = rc == RC_OK;
    if (rc != RC_NOTFOUND)
        goto out;
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        rc = err_set(err, RC_IO, "%.160s: %s", part, strerror(errno));
        goto out;
    }
    rc = write_all(fd, content);
    if (rc != RC_OK)
        rc = err_set(err, RC_IO, "%.160s: %s", part, strerror(errno));
    else if (rename_new(part, final_path) != 0)
        rc = errno == EEXIST ? compare_there(final_path, content, is_same, err)
                             : err_set(err, RC_IO, "%.160s: %s", final_path, strerror(errno));
    else
        goto out; /* the temporary name is gone */
    unlink(part);
out:
    if (fd >= 0)
        close(fd);
    buf_fini(&path);
    buf_fini(&temporary);
    return rc;
}

enum rc files_make_dir(const char *dir, struct err *err)
{
    char *path = xstrdup(dir);
    enum rc rc = RC_OK;
    struct stat st;

    for (char *p = path + 1; rc == RC_OK && *path; p++) {
        bool is_end = *p == '\0';
        if (!is_end && *p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            rc = err_set(err, RC_IO, "%.160s: %s", path, strerror(errno));
        if (is_end)
            break;
        *p = '/';
    }
    if (rc == RC_OK && (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)))
        rc = err_set(err, RC_IO, "%.160s: not a folder", dir);
    free(path);
    return rc;
}

bool files_same_part10(struct span there, struct span wanted)
{
    struct part10 a, b;
    struct err ignored;

    if (span_equal(there, wanted))
        return true;
    return part10_read(there, &a, &ignored) == RC_OK &&
           part10_read(wanted, &b, &ignored) == RC_OK && a.ts == b.ts &&
           span_equal(a.dataset, b.dataset);
}

enum rc files_write_part10(const char *dir, const char *sop_class, const char *uid,
                           struct span dataset, const struct dcm_ts *ts, bool *was_there,
                           struct err *err)
{
    struct buf file = {0};
    char name[80];
    enum rc rc;

    *was_there = false;
    if (!dcm_uid_is_valid(uid))
        return err_set(err, RC_INVALID, "'%.64s' is no SOP Instance UID", uid);
    snprintf(name, sizeof(name), "%s.dcm", uid);
    part10_write_header(&file, sop_class, uid, ts);
    buf_add_span(&file, dataset);
    rc = buf_status(&file);
    if (rc == RC_OK)
        rc = files_write_new(dir, name, buf_span(&file), files_same_part10, was_there, err);
    else
        err_set(err, rc, "no memory for %s", name);
    buf_fini(&file);
    return rc;
}

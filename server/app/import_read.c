/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr import: files taken apart into documents.
 *
 * What a file is follows from its content: DICM behind the preamble is a DICOM file; a brace or a bracket is JSON,
 * each object of which is a data set when its members are tags and an authoring document when not; what is named
 * *.csv is a table. A file is mapped, not read, so one with 10,000 protocols takes no memory, and each document is handed on as
 * soon as it has been found.
 */
#include <stdlib.h>
#include <strings.h>

#include "authoring.h"
#include "dcm/part10.h"
#include "import.h"

static void file_release(struct import_file *f)
{
    if (atomic_fetch_sub(&f->users, 1) == 1) {
        files_unmap(f->content);
        free(f);
    }
}

void work_free(struct work *w)
{
    file_release(w->file);
    buf_fini(&w->own);
    free(w);
}

static struct work *work_new(struct import_file *file, enum work_kind kind, size_t octets)
{
    struct work *w = xcalloc(1, sizeof(*w));

    atomic_fetch_add(&file->users, 1);
    w->file = file;
    w->kind = kind;
    w->octets = octets;
    return w;
}

static void read_json(struct import *im, struct workers *to, struct import_file *file)
{
    bool is_array = jsonset_is_array(file->content);
    struct span object;
    struct err err = {0};
    size_t pos = 0, before = 0;
    unsigned count = 0;
    enum rc rc = RC_OK;

    while (!import_is_over(im) &&
           (rc = jsonset_next(file->content, &pos, &object, &err)) == RC_OK) {
        struct work *w = work_new(file, jsonset_is_dicom(object) ? WORK_DICOM_JSON : WORK_AUTHORED,
                                  pos - before);
        w->number = is_array ? ++count : 0;
        w->content = object;
        before = pos;
        workers_submit(to, w);
    }
    if (rc != RC_OK && rc != RC_NOTFOUND)
        import_failed(im, file->path, 0, 0, err.text);
    import_progress(im, file->content.len - before);
}

static void read_csv(struct import *im, struct workers *to, struct import_file *file)
{
    struct csv_documents *d = NULL;
    struct err err = {0};
    size_t before = 0;
    enum rc rc = csv_documents_open(file->content, &d, &err);

    if (rc != RC_OK)
        import_failed(im, file->path, 0, 0, err.text);
    while (rc == RC_OK && !import_is_over(im)) {
        struct buf text = {0}, problems = {0};
        unsigned long line;
        size_t end;
        rc = csv_documents_next(d, &text, &problems, &line, &end);
        if (rc == RC_OK && problems.len == 0) {
            struct work *w = work_new(file, WORK_AUTHORED, end - before);
            w->line = line;
            w->own = text;
            w->content = buf_span(&w->own);
            workers_submit(to, w);
            text = (struct buf){0};
        } else if (problems.len > 0) {
            import_failed(im, file->path, 0, line, buf_cstr(&problems));
            import_progress(im, end - before);
        }
        before = rc == RC_OK ? end : before;
        buf_fini(&text);
        buf_fini(&problems);
    }
    csv_documents_free(d);
    import_progress(im, file->content.len - before);
}

static bool is_named_csv(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && strcasecmp(dot, ".csv") == 0;
}

static bool is_part10(struct span content)
{
    return content.len >= 132 && memcmp(content.data + 128, "DICM", 4) == 0;
}

static void read_part10(struct import *im, struct workers *to, struct import_file *file)
{
    struct work *w = work_new(file, WORK_PART10, file->content.len);

    (void)im;
    w->content = file->content;
    workers_submit(to, w);
}

bool import_read_file(struct import *im, struct workers *to, const char *path)
{
    struct err err = {0};
    struct import_file *file = xcalloc(1, sizeof(*file));

    file->path = path;
    atomic_init(&file->users, 1);
    if (files_map(path, &file->content, &err) != RC_OK)
        import_failed(im, path, 0, 0, err.text);
    else if (is_named_csv(path) && !is_part10(file->content))
        read_csv(im, to, file);
    else if (jsonset_is_json(file->content))
        read_json(im, to, file);
    else
        read_part10(im, to, file);
    file_release(file);
    return !import_is_over(im);
}

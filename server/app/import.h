/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr import between its parts: the command (cmd_import.c), the reader of files (import_read.c) and the
 * workers that write into the database (import_work.c).
 */
#ifndef APP_IMPORT_H
#define APP_IMPORT_H

#include <pthread.h>
#include <stdatomic.h>

#include "app_internal.h"

enum { FILE_SLACK_BYTES = 1 << 20 };

/* One file in memory, shared by the documents in it. */
struct import_file {
    const char *path; /* borrowed from the list of files */
    struct span content;
    atomic_uint users;
};

enum work_kind { WORK_PART10, WORK_DICOM_JSON, WORK_AUTHORED };

/* One document on its way from the reader to a worker. */
struct work {
    enum work_kind kind;
    struct import_file *file; /* a use of it is owned */
    unsigned number;          /* from 1 in a JSON array, else 0 */
    unsigned long line;       /* where it begins in a CSV file, else 0 */
    struct span content;      /* in the file, or own */
    struct buf own;
    size_t octets; /* of the file, for the progress */
};

struct import {
    const struct command *self;
    const struct config *config;
    bool is_json, as_draft;
    long jobs, wait_s;
    unsigned long files; /* read whole; of the reader */

    pthread_mutex_t lock; /* of what is below, and of standard error */
    struct progress progress;
    size_t octets; /* of what is done */
    unsigned long stored, same, failed;
    struct buf failures; /* JSON members of "failures" */
    bool is_stopped;     /* the database is away or refuses: nothing more is tried */
};

/* ---- the command: any thread ---- */

/* why may be several lines. */
void import_failed(struct import *im, const char *path, unsigned number, unsigned long line,
                   const char *why);
void import_note(struct import *im, const char *path, const char *note);
/* Say why nothing more is tried, once. */
void import_stop(struct import *im, const char *why);
bool import_is_over(struct import *im); /* stopped or interrupted */
void import_progress(struct import *im, size_t octets);

/* ---- the reader: the main thread ---- */

struct workers;
/* The documents of a file to the workers. False: cut short. */
bool import_read_file(struct import *im, struct workers *to, const char *path);
void work_free(struct work *w);

/* ---- the workers ---- */

/* returned; one connection each, the first is open when this returns. NULL: err says why. */
struct workers *workers_start(struct import *im, unsigned jobs, struct err *err);
/* Waits for a place. w is owned. */
void workers_submit(struct workers *ws, struct work *w);
void workers_finish(struct workers *ws); /* waits for what is queued; frees */

#endif

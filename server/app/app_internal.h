/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of server/app share: the command row, the option parser and small helpers.
 * One thread (the main one) unless said otherwise.
 */
#ifndef APP_INTERNAL_H
#define APP_INTERNAL_H

#include <stdbool.h>
#include <stdio.h>

#include "app/config.h"
#include "catalog/model.h"
#include "core/bytes.h"
#include "dcm/dataset.h"
#include "pg/sync.h"
#include "service/scu.h"

/* ---- config: the table of settings ---------------------------------------------------------------- */

enum setting_type {
    SETTING_TEXT,         /* char * */
    SETTING_URI,          /* char *, masked when printed */
    SETTING_AET,          /* char * */
    SETTING_AET_LIST,     /* char ** */
    SETTING_NETWORK_LIST, /* char ** */
    SETTING_PORT,         /* uint16_t */
    SETTING_UINT,         /* unsigned */
    SETTING_INT64,        /* int64_t */
    SETTING_SIZE,         /* size_t octets */
    SETTING_SIZE32,       /* uint32_t or unsigned octets */
    SETTING_DURATION,     /* int64_t ms */
    SETTING_BOOL,         /* bool */
    SETTING_CHOICE,       /* an enum, by the position in choices */
};

struct setting {
    const char *key;
    enum setting_type type;
    size_t offset; /* in struct config */
    int64_t min, max;
    const char *const *choices; /* SETTING_CHOICE, NULL-terminated */
    const char *help;
};

extern const struct setting config_settings[];
extern const unsigned config_setting_count;

/* key: len characters, not terminated. NULL = none. */
const struct setting *setting_find(const char *key, size_t len);
/* Parse and store; err->text says what is wrong with the value only ("5000 is more than 1024"). */
MUST_CHECK enum rc setting_set(const struct setting *s, struct config *c, const char *text,
                               struct err *err);
/* The value as dppr.conf would have it; URIs masked. */
void setting_format(const struct setting *s, const struct config *c, struct buf *out);
/* Whether a running server cannot take another value. */
bool setting_needs_restart(const struct setting *s);
bool setting_equals(const struct setting *s, const struct config *a, const struct config *b);
void setting_copy(const struct setting *s, const struct config *from, struct config *to);
/* What follows from the settings that have been set: service and what it borrows. */
void config_derive(struct config *c);
/* One file's text into the settings; name is for messages. */
MUST_CHECK enum rc config_read_text(struct config *c, struct span text, const char *name,
                                    struct err *err);

/* ---- commands ------------------------------------------------------------------------------------- */

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_INTERRUPTED = 130 };

struct command {
    const char *name;
    const char *summary; /* one line for `dppr help` */
    const char *usage;   /* what follows the name */
    const char *text;    /* --help: what it does, and examples */
    bool has_settings;   /* takes every setting as a flag */
    bool shows_settings; /* --help lists them all */
    int trouble;         /* exit status when results cannot be written; 0: STATUS_FAILED */
    int (*run)(const struct command *self, int argc, char **argv); /* the process's exit status */
};

extern const struct command command_serve, command_migrate, command_import, command_export,
    command_rebuild, command_diff, command_echo, command_store, command_find, command_get,
    command_move, command_ae, command_doctor, command_health, command_config, command_conformance;

/* `dppr find: ...` on standard error. */
void command_error(const struct command *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same, and where to read more; returns STATUS_USAGE. */
int command_usage_error(const struct command *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- cli: flags of a command ---------------------------------------------------------------------- */

enum cli_kind { CLI_FLAG, CLI_TEXT, CLI_NUMBER, CLI_LIST };

struct cli_list {
    const char **items; /* borrowed strings in an owned array: cli_fini */
    unsigned count;
};

struct cli_option {
    const char *name; /* without dashes */
    char letter;      /* 0 = none */
    enum cli_kind kind;
    void *target;           /* bool, const char *, long, struct cli_list */
    const char *value_name; /* NULL for flags */
    const char *help;
    long min, max; /* CLI_NUMBER */
};

struct cli {
    const struct command *command;
    const struct cli_option *options;
    unsigned option_count;
    struct config config; /* loaded when the command has settings */
    const char **args;    /* what is left: borrowed strings */
    unsigned arg_count;
    char **rest; /* owned array behind args */
};

enum { CLI_GO = -1 };
/* CLI_GO, or the exit status after --help or an error has been printed. Always followed by cli_fini. */
int cli_parse(struct cli *cli, int argc, char **argv);
void cli_fini(struct cli *cli);
void cli_print_help(const struct cli *cli, FILE *to);

/* ---- peer: options of the client commands ---------------------------------------------------------- */

struct peer_args {
    const char *host, *aet, *aec;
    long port, timeout_s;
    bool is_verbose;
    bool has_tls, tls_insecure;
    const char *tls_trust, *tls_certificate, *tls_key, *tls_name;
    struct tls *tls; /* held: made by peer_prepare; of who makes it without, borrowed */
};
#define PEER_ARGS_DEFAULT                                                                     \
    {                                                                                         \
        .host = "127.0.0.1", .aet = "DPPR_SCU", .aec = "DPPR", .port = 11112, .timeout_s = 30 \
    }
/* clang-format off */
#define PEER_OPTIONS(p)                                                                            \
    {"host", 'H', CLI_TEXT, &(p)->host, "HOST", "name or address of the peer (127.0.0.1)", 0, 0},  \
    {"port", 'p', CLI_NUMBER, &(p)->port, "PORT", "its DICOM port (11112)", 1, 65535},             \
    {"aet", 'a', CLI_TEXT, &(p)->aet, "TITLE", "our AE title (DPPR_SCU)", 0, 0},                   \
    {"aec", 'c', CLI_TEXT, &(p)->aec, "TITLE", "the peer's AE title (DPPR)", 0, 0},                \
    {"timeout", 't', CLI_NUMBER, &(p)->timeout_s, "SECONDS",                                       \
     "give up when nothing moves for so long (30)", 1, 86400},                                     \
    {"tls", 0, CLI_FLAG, &(p)->has_tls, NULL, "connect with TLS", 0, 0},                           \
    {"tls-trust", 0, CLI_TEXT, &(p)->tls_trust, "FILE",                                            \
     "PEM: authorities that may have issued the peer's certificate", 0, 0},                        \
    {"tls-name", 0, CLI_TEXT, &(p)->tls_name, "NAME", "that it must be issued for (HOST)", 0, 0},  \
    {"tls-certificate", 0, CLI_TEXT, &(p)->tls_certificate, "FILE", "PEM: ours, to show", 0, 0},   \
    {"tls-key", 0, CLI_TEXT, &(p)->tls_key, "FILE", "PEM: its private key", 0, 0},                 \
    {"tls-insecure", 0, CLI_FLAG, &(p)->tls_insecure, NULL,                                        \
     "verify neither the peer's certificate nor its name: for tests", 0, 0},                       \
    {"verbose", 'v', CLI_FLAG, &(p)->is_verbose, NULL, "log protocol steps on standard error", 0, 0}
/* clang-format on */

/* Checks the titles, reads certificates, sets up logging and Ctrl-C; initialises the dictionary. */
MUST_CHECK enum rc peer_prepare(struct peer_args *p, struct err *err);
void peer_finish(struct peer_args *p); /* also without peer_prepare */
struct scu_options peer_scu_options(const struct peer_args *p);
/* One association, one C-ECHO. */
MUST_CHECK enum rc peer_echo(const struct peer_args *p, struct err *err);

/* ---- the server on this machine, as its settings say ------------------------------------------------ */

/* Where to reach what listens at this address: loopback for all addresses. borrowed. */
const char *local_address(const char *configured);
/* Whether GET path is answered 200; line gets the first line of the answer, or "". */
bool ask_http(const struct config *c, const char *path, char *line, size_t size);
bool aet_is_valid(const char *title);
/* "A700 refused: out of resources (comment)": a final status in words. */
void status_describe(const struct dimse_command *rsp, struct buf *out);

/* Ctrl-C: the first asks, the second ends the process at once. */
void interrupt_install(void);
bool interrupt_requested(void);

/* ---- keys: -k KEY=VALUE ----------------------------------------------------------------------------- */

enum { KEY_DEPTH_MAX = 8 };

struct key_path {
    uint32_t tags[KEY_DEPTH_MAX];
    unsigned depth;
    char title[64]; /* keyword of the last tag, or GGGGEEEE */
};

struct keys {
    struct arena *arena; /* borrowed */
    struct dcm_item *identifier;
    struct key_path *paths; /* in the order given, each once; owned */
    unsigned count;
};

void keys_init(struct keys *k, struct arena *arena);
void keys_fini(struct keys *k);
/* "ProtocolName=Head*", "ModelSpecificationSequence.Manufacturer=ACME", "0018,1030", "Keyword". */
MUST_CHECK enum rc keys_add(struct keys *k, const char *text, struct err *err);
/* Every key of the model, asked for. */
MUST_CHECK enum rc keys_add_model(struct keys *k, const struct model *model, struct err *err);
/* Return keys of the model when none are given; NULL-terminated. */
const char *const *keys_default(const struct model *model);

/* The information model that find, get and move are about. */
#define MODEL_OPTION(word)                                                                         \
    {                                                                                              \
        "model", 0, CLI_TEXT, word, "MODEL", "information model: protocol or approval (protocol)", \
            0, 0                                                                                   \
    }
#define MODEL_DEFAULT "protocol"
MUST_CHECK enum rc keys_model(const char *word, const struct model **out, struct err *err);

/* ---- show: data sets for people ---------------------------------------------------------------------- */

/* Control characters, which could drive a terminal, and broken UTF-8 become U+FFFD. */
void show_text(struct buf *out, struct span utf8);
/* The values at the path, compact: several joined by "; ", codes as "meaning (value, scheme)". */
void show_path(struct buf *out, const struct dcm_item *utf8, const struct key_path *path);
/* A quoted JSON string. */
void show_json_string(struct buf *out, const char *text);

/* ---- table: aligned columns ---------------------------------------------------------------------------- */

struct table;
/* titles are borrowed. max_width: of a column, longer cells end in an ellipsis; 0 = no bound. */
struct table *table_new(FILE *to, const char *const *titles, unsigned columns, unsigned max_width);
void table_row(struct table *t, const char *const *cells); /* copies */
/* color: an escape sequence for the row (static), NULL = none. */
void table_row_colored(struct table *t, const char *const *cells, const char *color);
void table_end(struct table *t);     /* prints what is left, frees */
void table_discard(struct table *t); /* frees only */
/* Columns a terminal gives to this UTF-8 text. */
unsigned text_width(const char *utf8);

/* ---- files ------------------------------------------------------------------------------------------------ */

struct file_list {
    char **paths;
    unsigned count;
    unsigned skipped; /* in folders: hidden files, DICOMDIR, *.md, *.txt */
};
/* Files as they are, folders recursively and sorted. A path that cannot be read is reported through
 * on_error and passed over. */
void files_collect(struct file_list *l, const char *const *paths, unsigned count,
                   void (*on_error)(const char *path, const char *why, void *arg), void *arg);
void files_free(struct file_list *l);
MUST_CHECK enum rc files_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);
/* A regular file of any size as octets that are read when they are looked at; files_unmap. Whoever cuts it short meanwhile
 * ends this process (SIGBUS). */
MUST_CHECK enum rc files_map(const char *path, struct span *out, struct err *err);
void files_unmap(struct span content);
/* DIR/NAME appears whole or not at all and never replaces other content: RC_CONFLICT. is_same decides
 * whether what is there already is the same (NULL: octet for octet). name must hold no slash. */
typedef bool (*files_same_cb)(struct span there, struct span wanted);
MUST_CHECK enum rc files_write_new(const char *dir, const char *name, struct span content,
                                   files_same_cb is_same, bool *was_there, struct err *err);
MUST_CHECK enum rc files_make_dir(const char *dir, struct err *err); /* and its parents */
/* Part 10 files of the same data set in the same transfer syntax. */
bool files_same_part10(struct span there, struct span wanted);
/* DIR/UID.dcm as files_write_new; the UID is checked first. */
MUST_CHECK enum rc files_write_part10(const char *dir, const char *sop_class, const char *uid,
                                      struct span dataset, const struct dcm_ts *ts, bool *was_there,
                                      struct err *err);

/* ---- jsonset: DICOM JSON files ----------------------------------------------------------------------------- */

/* The data sets of a JSON text: one object, or an array of objects; call until RC_NOTFOUND. *pos starts
 * at 0. The span is the object's text; its inside is checked by dcm_json_read only. */
MUST_CHECK enum rc jsonset_next(struct span text, size_t *pos, struct span *object,
                                struct err *err);
bool jsonset_is_json(struct span file);
bool jsonset_is_array(struct span text);
/* Whether an object is a data set, whose members are tags, and not a document that people wrote. */
bool jsonset_is_dicom(struct span object);
/* One data set of JSON as Explicit VR Little Endian in the character set it names; note (may be "")
 * tells of a set that could not be used. */
MUST_CHECK enum rc jsonset_encode(struct span object, const struct dcm_limits *limits,
                                  struct buf *out, char note[256], struct err *err);

/* ---- progress -------------------------------------------------------------------------------------------------- */

enum { PROGRESS_MARKS = 8, PROGRESS_MARK_MS = 2000 };

struct progress_mark {
    int64_t at_ms;
    unsigned long done, items;
};
struct progress {
    const char *what; /* "importing" */
    unsigned long total, done;
    unsigned long items; /* what the rate counts; done where nothing else was said */
    bool counts_items;   /* total and done are octets */
    bool is_on;          /* standard error is a terminal */
    int64_t shown_ms;
    struct progress_mark marks[PROGRESS_MARKS]; /* a ring */
    unsigned mark_next, mark_count;
};
void progress_start(struct progress *p, const char *what, unsigned long total);
void progress_step(struct progress *p, unsigned long done);
/* Where total is octets of files, and what is counted are the items in them. */
void progress_step_items(struct progress *p, unsigned long done, unsigned long items);
void progress_clear(struct progress *p); /* before another line is printed */
/* Its halves, for a clock of one's own: no output. */
void progress_step_of(struct progress *p, unsigned long done, unsigned long items, int64_t now);
void progress_format(const struct progress *p, int64_t now, struct buf *out);
void progress_end(struct progress *p);

/* ---- select: which UIDs get and move mean ------------------------------------------------------------------------ */

struct uid_list {
    char (*uids)[65];
    unsigned count, cap;
};
enum { UIDS_PER_REQUEST = 500 }; /* well below the 65,534 octets of a UI value */
void uid_list_free(struct uid_list *l);
/* The UIDs named, and those that a C-FIND with these keys of the model finds. Opens and closes its own association. */
MUST_CHECK enum rc select_uids(const struct peer_args *peer, const struct model *model,
                               const struct cli *cli, const struct cli_list *keys,
                               struct uid_list *out, struct err *err);
/* An identifier with uids[from .. from + n) in the arena. */
struct dcm_item *uid_list_identifier(const struct uid_list *l, unsigned from, unsigned n,
                                     struct arena *arena);

/* ---- database ------------------------------------------------------------------------------------------------------ */

/* Connects for a command; messages never show a password. */
MUST_CHECK enum rc database_open(const char *uri, struct pg_sync **out, struct err *err);
/* The octets of a stored object, appended; object_id as the database wrote it. */
MUST_CHECK enum rc database_octets(struct pg_sync *s, const char *object_id, struct buf *out,
                                   struct err *err);
/* Encoding UTF8 and a character type that folds beyond ASCII; RC_CONFLICT says what to do. */
MUST_CHECK enum rc database_check_text(struct pg_sync *s, struct err *err);
/* Whether the database knows the site's zone by this name; RC_CONFLICT: it does not. */
MUST_CHECK enum rc database_check_zone(struct pg_sync *s, const char *zone, struct err *err);
/* Connections this server may open at most, its probes included. */
unsigned database_connections_wanted(const struct config *c, unsigned workers);
/* Whether all live servers together fit into max_connections. */
MUST_CHECK enum rc database_check_connections(struct pg_sync *s, unsigned wanted, struct err *err);

/* ---- server ------------------------------------------------------------------------------------------------------------ */

/* Serves until a signal; the exit status. argv is read again on SIGHUP. */
int server_run(const struct config *config, int ready_fd, int argc, char **argv);
unsigned server_workers(const struct config *c);

#endif

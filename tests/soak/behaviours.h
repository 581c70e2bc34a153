/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/soak/behaviours: everything a peer does in a soak. The table in behaviours.c says how often.
 */
#ifndef SOAK_BEHAVIOURS_H
#define SOAK_BEHAVIOURS_H

#include "peer.h"

struct behaviour {
    const char *name;
    unsigned weight;
    bool is_warm_up; /* part of the good mix that fills pools and caches */
    void (*play)(struct peer *p);
    unsigned most_at_once; /* 0 = as many as there are slots */
};
extern const struct behaviour behaviours[];
extern const unsigned behaviour_count;
/* The deadlines of the server under test, which are all alike. */
extern int64_t deadline_ms;

/* queries.c */
void play_echo(struct peer *p);
void play_find(struct peer *p);
void play_find_all(struct peer *p);
void play_find_many_at_once(struct peer *p);
void play_find_cancelled(struct peer *p);
void play_find_vanishing(struct peer *p);
void play_find_slow_reader(struct peer *p);
void echo_once(struct peer *p);
/* Puts the request for everything into `out`; its ID. */
uint16_t put_find_all(struct peer *p, uint8_t context);
void put_any_find(struct peer *p);

/* stores.c */
void play_store(struct peer *p);
void play_store_again(struct peer *p);
void play_store_different(struct peer *p);
void play_store_imperfect(struct peer *p);
void play_store_large(struct peer *p);
void play_store_many_at_once(struct peer *p);
void play_store_vanishing(struct peer *p);
void put_any_store(struct peer *p);
/* Objects [first, end) of the base. */
void store_base(struct peer *p, unsigned first, unsigned end);
/* So many of the largest that its sessions outlive (pg/pool.c) again. */
void store_largest(struct peer *p, unsigned first, unsigned end);

/* retrieves.c */
void play_get(struct peer *p);
void play_get_large(struct peer *p);
void play_get_converted(struct peer *p);
void play_get_refusing(struct peer *p);
void play_get_unanswered(struct peer *p);
void play_get_cancelled(struct peer *p);
void play_get_vanishing(struct peer *p);
void play_get_stalled(struct peer *p);
void play_move(struct peer *p);
void play_move_cancelled(struct peer *p);
void play_move_vanishing(struct peer *p);
void play_move_astray(struct peer *p);
/* The immense ones, by C-GET and by C-MOVE, so many times. */
void fetch_immense(struct peer *p, unsigned first, unsigned end);
void put_any_get(struct peer *p);
void put_any_move(struct peer *p); /* to a good destination, which will not look at what comes */
/* Gets [first, end) of the acknowledged objects, or of the base, back; all must be what was stored. */
void get_acknowledged(struct peer *p, unsigned first, unsigned end);
void get_base(struct peer *p, unsigned first, unsigned end);

/* broken.c: requests and PDUs that are refused */
void put_any_request(struct peer *p);
void play_broken_request(struct peer *p);
void play_broken_pdu(struct peer *p);
void play_mutated(struct peer *p);

/* strangers.c: no DICOM, no right, no patience */
void play_wrong_talk(struct peer *p);
void play_probe(struct peer *p);
void play_no_access(struct peer *p);
void play_few_rights(struct peer *p);
void play_cut_request(struct peer *p);
void play_silent(struct peer *p);
void play_dripping(struct peer *p);
void play_idle(struct peer *p);
void play_stalled_message(struct peer *p);
void play_never_reading(struct peer *p);

#endif

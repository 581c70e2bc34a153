/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/soak/destinations: where C-MOVE sends to: storage SCPs of this process, good and bad ones, each with a
 * port of its own.
 */
#ifndef SOAK_DESTINATIONS_H
#define SOAK_DESTINATIONS_H

#include "peer.h"

struct destination {
    const char *title;
    unsigned max_associations;
    void (*serve)(struct peer *p); /* one association; NULL = the port is closed */
    uint16_t statuses[4];          /* what a move to it may end with; ends with STATUS_END */
};
enum { STATUS_END = 1 }; /* is no status of C-MOVE */
extern const struct destination destinations[];
extern const unsigned destination_count;
/* The first ones take everything and keep their word: a move to them completes. */
enum { FAST_DESTINATIONS = 3, GOOD_DESTINATIONS = 5 };

/* Opens the ports and answers from now on. Prints a line "destination TITLE PORT MAX_ASSOCIATIONS" for each. */
void destinations_start(void);
/* Connections from the server that are open now. */
unsigned destinations_busy(void);

/* Of main: the peer that has this AE title now; NULL = none. */
struct peer *peer_of_title(const char *title);

#endif

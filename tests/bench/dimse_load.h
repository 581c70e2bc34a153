/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIMSE_LOAD_H
#define DIMSE_LOAD_H

#include "wire.h"

struct load_options {
    int peers;
    double seconds, hold, wait;
    unsigned long requests, cancel_after, cancel_within;
    int buffer;
    bool once;
};
extern struct load_options load_option;

/* Modes: the arguments are those after the mode's name. */
void load_send(int argc, char **argv);
void load_receive(int argc, char **argv);
void load_bare(int argc, char **argv);

#endif

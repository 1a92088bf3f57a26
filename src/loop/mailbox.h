/*
 * mailbox.h - word from other threads to a loop that may not be there yet, or any more.
 *
 * loop_post needs a loop that outlives the post. Threads that heed does not own cannot
 * promise that: what they put here before the loop is read when it comes, and what they
 * put after it has gone is read as lost, so that nothing leaks and nobody waits for ever.
 */
#ifndef HEED_LOOP_MAILBOX_H
#define HEED_LOOP_MAILBOX_H

#include "heed.h"

struct loop;
struct mailbox;

/* Embedded in what it tells. */
struct mail {
	struct mail *next;
	/* On the loop, in order of putting. `lost`: the loop is gone, and this may be any
	 * thread. The mail is the reader's. */
	void (*read)(struct mail *mail, bool lost);
};

/* With one reference. NULL without memory. */
struct mailbox *mailbox_new(void);
/* Any thread. */
void mailbox_ref(struct mailbox *mailbox);
void mailbox_unref(struct mailbox *mailbox); /* takes NULL */
/* Its loop from now on; NULL: nothing is read until it has one, or is closed. The loop's
 * thread. */
void mailbox_attach(struct mailbox *mailbox, struct loop *loop);
/* What was not read, and all that is put from now on, is lost. Without a loop. */
void mailbox_close(struct mailbox *mailbox);
/* Any thread that holds a reference. The mail is read once. */
void mailbox_put(struct mailbox *mailbox, struct mail *mail);

#endif

/*
 * mailbox.c - see mailbox.h.
 *
 * One post serves all mail that has gathered. A loop that ends runs it, too, and finds
 * the mailbox detached.
 */
#include "loop/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "loop/loop.h"

struct mailbox {
	atomic_long refs;
	pthread_mutex_t lock;
	struct loop *loop; /* NULL: none at present */
	struct mail *first, *last;
	struct loop_post post;
	bool posted, closed;
};

static struct mail *
take_all(struct mailbox *mailbox)
{
	struct mail *first = mailbox->first;

	mailbox->first = mailbox->last = NULL;
	return first;
}

static void
read_all(struct mail *mail, bool lost)
{
	while (mail != NULL) {
		struct mail *next = mail->next;

		mail->read(mail, lost);
		mail = next;
	}
}

static void
read_on_loop(void *arg)
{
	struct mailbox *mailbox = arg;
	struct mail *first = NULL;

	(void)pthread_mutex_lock(&mailbox->lock);
	mailbox->posted = false;
	if (mailbox->loop != NULL)
		first = take_all(mailbox);
	(void)pthread_mutex_unlock(&mailbox->lock);
	read_all(first, false);
}

struct mailbox *
mailbox_new(void)
{
	struct mailbox *mailbox = mem_new(sizeof(*mailbox));

	if (mailbox == NULL)
		return NULL;
	atomic_init(&mailbox->refs, 1);
	(void)pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->post = (struct loop_post){.fn = read_on_loop, .arg = mailbox};
	return mailbox;
}

void
mailbox_ref(struct mailbox *mailbox)
{
	atomic_fetch_add(&mailbox->refs, 1);
}

void
mailbox_unref(struct mailbox *mailbox)
{
	if (mailbox == NULL || atomic_fetch_sub(&mailbox->refs, 1) > 1)
		return;
	(void)pthread_mutex_destroy(&mailbox->lock);
	mem_free(mailbox);
}

/* Under the lock. */
static void
post_if_due(struct mailbox *mailbox)
{
	if (mailbox->loop == NULL || mailbox->posted || mailbox->first == NULL)
		return;
	mailbox->posted = true;
	loop_post(mailbox->loop, &mailbox->post);
}

void
mailbox_attach(struct mailbox *mailbox, struct loop *loop)
{
	(void)pthread_mutex_lock(&mailbox->lock);
	mailbox->loop = loop;
	mailbox->posted = false;
	post_if_due(mailbox);
	(void)pthread_mutex_unlock(&mailbox->lock);
}

void
mailbox_close(struct mailbox *mailbox)
{
	struct mail *first;

	(void)pthread_mutex_lock(&mailbox->lock);
	mailbox->closed = true;
	first = take_all(mailbox);
	(void)pthread_mutex_unlock(&mailbox->lock);
	read_all(first, true);
}

void
mailbox_put(struct mailbox *mailbox, struct mail *mail)
{
	bool closed;

	mail->next = NULL;
	(void)pthread_mutex_lock(&mailbox->lock);
	closed = mailbox->closed;
	if (!closed) {
		if (mailbox->last != NULL)
			mailbox->last->next = mail;
		else
			mailbox->first = mail;
		mailbox->last = mail;
		post_if_due(mailbox);
	}
	(void)pthread_mutex_unlock(&mailbox->lock);
	if (closed)
		mail->read(mail, true);
}

/*
 * expr_home.c - keeps libjq away from ~/.jq.
 *
 * jq_compile reads definitions from $HOME/.jq, if there is such a file, and they replace
 * the built-in functions: the same configuration would mean different things for
 * different users. libjq has no switch for it. So, only where the file exists, HOME
 * points to nowhere while a program is compiled. One pointer of the environment is
 * replaced and put back; setenv would move what other threads may be reading.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/expr_impl.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static char nowhere[] = "HOME=/nonexistent";

static bool
has_definitions(void)
{
	const char *home = getenv("HOME");
	struct heed_buf path;
	bool found;

	if (home == NULL)
		return false;
	buf_init(&path, 0);
	buf_adds(&path, home);
	buf_adds(&path, "/.jq");
	found = buf_error(&path) == 0 && access(path.data, F_OK) == 0;
	buf_done(&path);
	return found;
}

char *
expr_home_hide(void)
{
	(void)pthread_mutex_lock(&lock);
	if (!has_definitions())
		return NULL;
	for (char **entry = environ; *entry != NULL; entry++) {
		char *home = *entry;

		if (strncmp(home, "HOME=", 5) == 0) {
			*entry = nowhere;
			return home;
		}
	}
	return NULL;
}

void
expr_home_show(char *home)
{
	for (char **entry = environ; home != NULL && *entry != NULL; entry++) {
		if (*entry == nowhere)
			*entry = home;
	}
	(void)pthread_mutex_unlock(&lock);
}

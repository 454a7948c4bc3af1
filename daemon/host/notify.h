/*
 * notify: what systemd is told of the daemon (sd_notify(3)), and the sign of life that its watchdog waits for. It
 * does nothing where systemd does not ask, and would wait for a systemd that hangs with hundreds of messages
 * unread.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

struct event_base;
struct notify;

/*
 * Gives the sign of life from the loop, twice in each interval, so that a loop that hangs is noticed. NULL: no
 * memory.
 */
struct notify *notify_new(struct event_base *base);
void notify_free(struct notify *notify);

/* The daemon serves: after its start, and after a reload whatever came of it. */
void notify_ready(struct notify *notify);

/* A configuration is being loaded anew; notify_ready follows. */
void notify_reloading(struct notify *notify);

void notify_stopping(struct notify *notify);

/* One line for `systemctl status`, which anybody may read. Sent if it differs from the last one. Copied. */
void notify_status(struct notify *notify, const char *text);

#endif

/*
 * notify: tells systemd the state of the daemon (sd_notify(3)), and gives the sign of life that its watchdog waits
 * for. Without systemd it does nothing. A call blocks only if systemd hangs and has left hundreds of messages
 * unread.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

struct event_base;
struct notify;

/*
 * Gives a sign of life twice in each interval of the watchdog, if systemd asks for that. It does so from the loop,
 * so that a loop that hangs is noticed. base is borrowed. NULL: no memory.
 */
struct notify *notify_new(struct event_base *base);

/* NULL does nothing. */
void notify_free(struct notify *notify);

/* Tells that the daemon serves: after its start, and after a reload whether it succeeded or not. */
void notify_ready(struct notify *notify);

/* Tells that the configuration is being reloaded; notify_ready() must follow. */
void notify_reloading(struct notify *notify);

/* Tells that the daemon is ending. */
void notify_stopping(struct notify *notify);

/*
 * Sets the line that `systemctl status` shows to anybody. It is copied, and sent if it differs from the last one.
 */
void notify_status(struct notify *notify, const char *text);

#endif

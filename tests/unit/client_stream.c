/*
 * client_stream: see the header.
 */
#include "tests/unit/client_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/frame.h"

unsigned char client_stream_byte(uint64_t at)
{
	return (unsigned char)(at * 31 + at / 65536);
}

static void send_data(struct client_stream *stream, int fd, size_t n)
{
	unsigned char data[FRAME_DATA_MAX];

	for (size_t i = 0; i < n; i++)
		data[i] = client_stream_byte(stream->sent + i);
	client_fake_send_data(fd, data, n);
	stream->sent += n;
}

static long read_data(struct client_fake *fake, struct client_stream *stream, int fd)
{
	long n = client_fake_read_data(fake, fd);
	uint64_t at = stream->received;

	if (n > 0 && stream->kept != NULL && at + (uint64_t)n <= stream->room)
		memcpy(stream->kept + at, fake->data, (size_t)n);
	if (n > 0)
		stream->received += (uint64_t)n;
	stream->ended |= n == 0;
	return n;
}

static void begin_frame(int fd, unsigned char kind, size_t len)
{
	unsigned char header[FRAME_HEADER];

	frame_header(header, FRAME_JSON, len);
	header[0] = kind;
	client_fake_send(fd, header, sizeof(header));
}

static void say_the_end(struct client_fake *fake, const struct client_stream *stream, int fd)
{
	char body[256];

	if (fake->request.op == OP_SNAPSHOT_SAVE)
		snprintf(body, sizeof(body),
		    "{\"id\":%%,\"ok\":true,\"bytes\":%llu,\"sha256\":\"" CLIENT_STREAM_DIGEST
		    "\",\"verified\":true}",
		    (unsigned long long)stream->sent);
	else
		snprintf(body, sizeof(body), "{\"id\":%%,\"ok\":true,\"bytes\":%llu,\"state\":\"%s\"}",
		    (unsigned long long)stream->received, stream->state != NULL ? stream->state : "applied");
	client_fake_say(fake, fd, body);
}

static void say(struct client_fake *fake, const struct client_stream *stream, int fd, char step)
{
	if (step == 's')
		client_fake_say(fake, fd, "{\"id\":%,\"ok\":true,\"stream\":true}");
	else if (step == 'c')
		client_fake_say(fake, fd, "{\"id\":%,\"ok\":true,\"continue\":true}");
	else if (step == 'R')
		client_fake_say(fake, fd, fake->reply);
	else
		say_the_end(fake, stream, fd);
}

static void take_step(struct client_fake *fake, struct client_stream *stream, int fd, char step)
{
	switch (step) {
	case 'r':
		(void)client_fake_read(fake, fd);
		break;
	case 'd':
		send_data(stream, fd, 1000);
		break;
	case 'D':
		send_data(stream, fd, FRAME_DATA_MAX);
		break;
	case 'e':
		client_fake_send_data(fd, "", 0);
		break;
	case 'u':
		(void)read_data(fake, stream, fd);
		break;
	case 'U':
		while (read_data(fake, stream, fd) > 0)
			;
		break;
	case 'S':
		client_fake_reach(fake, 1);
		break;
	case 'w':
		while (read_data(fake, stream, fd) >= 0)
			;
		break;
	case 'L':
	case 'K':
		begin_frame(fd, step == 'L' ? FRAME_DATA : 7, FRAME_DATA_MAX + 1);
		break;
	case 'J':
		begin_frame(fd, FRAME_JSON, FRAME_DATA_MAX + 1);
		break;
	case 's':
	case 'c':
	case 'R':
	case 'f':
		say(fake, stream, fd, step);
		break;
	default:
		fprintf(stderr, "fake daemon: there is no step %c\n", step);
		abort();
	}
}

void client_stream_play(struct client_fake *fake, struct client_stream *stream)
{
	int fd = client_fake_accept(fake);

	for (const char *step = stream->steps; *step != '\0'; step++)
		take_step(fake, stream, fd, *step);
	close(fd);
}

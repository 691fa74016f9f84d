/* ask.c - one request to the keeper and its answer */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "deploy/ctl/ctl.h"

static json_t *read_answer(int sock)
{
	struct timeval patience = {.tv_sec = 15};
	char line[4096];
	size_t n = 0;
	ssize_t got = 1;

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (n < sizeof(line) && got > 0 && !memchr(line, '\n', n)) {
		got = recv(sock, line + n, sizeof(line) - n, 0);
		n += got > 0 ? (size_t)got : 0;
	}
	return json_loadb(line, n, 0, NULL);
}

json_t *fos_ctl_ask(const char *path, const char *request)
{
	int sock = fos_grant_connect(path);
	json_t *answer = NULL;

	if (sock < 0)
		return NULL;
	if (fos_grant_say(sock, "%s", request) == 0)
		answer = read_answer(sock);
	close(sock);
	return answer;
}

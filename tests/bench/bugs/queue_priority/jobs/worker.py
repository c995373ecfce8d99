from jobs.queue import Empty


def drain(queue):
    done = []
    while True:
        try:
            done.append(queue.take())
        except Empty:
            return done

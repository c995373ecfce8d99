def order(tasks):
    done = []
    waiting = list(tasks)
    while waiting:
        ready = [task for task in waiting if all(need in done for need in task.unlocks)]
        if not ready:
            raise ValueError("the tasks wait for each other")
        ready.sort(key=lambda task: task.name)
        done.append(ready[0])
        waiting.remove(ready[0])
    return [task.name for task in done]

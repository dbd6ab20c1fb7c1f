"""What users of other tools would write; ``@name@`` is filled in by benchmarks/peers.py."""

#: The stand-in work: what `tests.lab.quick_python` does for farm's worker.
WORK = """\
import json, os, time

lasts_s = [float(line) for line in open("/root/schedule")]
results = []
for step in range(@steps@):
    with open("/root/begun", "a") as begun:
        begun.write("x\\n")
    time.sleep(lasts_s[step % len(lasts_s)])
    results.append({"step": step, "latency_ns": [5000000 + 1000 * n for n in range(11)]})
with open("/root/peer/results.draft", "w") as out:
    json.dump(results, out)
os.replace("/root/peer/results.draft", "/root/peer/results.json")
"""

#: Every host at once, one connection for all tasks of a host, no temporary files for modules: the fastest that is documented.
ANSIBLE = """\
[defaults]
inventory = hosts
remote_user = root
private_key_file = @key@
forks = @hosts@
interpreter_python = /usr/local/bin/python3
retry_files_enabled = False
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=@known_hosts@
"""

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.file: {path: /root/peer, state: directory}
    - ansible.builtin.copy: {src: "@payload@/", dest: /root/peer/}
    - ansible.builtin.command: python3 /root/peer/work.py
      async: 3600
      poll: 0
      register: work
    - ansible.builtin.async_status: {jid: "{{ work.ansible_job_id }}"}
      register: ended
      until: ended.finished
      retries: 3600
      delay: 2
    - ansible.builtin.fetch: {src: /root/peer/results.json, dest: "results/{{ inventory_hostname }}.json", flat: true}
"""

PARALLEL_SSH = """\
import os
from gevent import joinall
from pssh.clients import ParallelSSHClient

hosts = open("addresses").read().split()
client = ParallelSSHClient(hosts, user="root", pkey="@key@", pool_size=len(hosts))
client.join(client.run_command("mkdir -p /root/peer"))
for name in os.listdir("@payload@"):
    joinall(client.copy_file("@payload@/" + name, "/root/peer/" + name), raise_error=True)
client.join(client.run_command("python3 /root/peer/work.py"))
os.makedirs("results", exist_ok=True)
joinall(client.copy_remote_file("/root/peer/results.json", "results/result"), raise_error=True)
"""

FABRIC = """\
import os
from fabric import ThreadingGroup

group = ThreadingGroup(*open("addresses").read().split(), user="root", connect_kwargs={"key_filename": "@key@"})
group.run("mkdir -p /root/peer", hide=True)
for name in os.listdir("@payload@"):
    group.put("@payload@/" + name, "/root/peer/" + name)
group.run("python3 /root/peer/work.py", hide=True)
os.makedirs("results", exist_ok=True)
group.get("/root/peer/results.json", "results/{host}.json")
"""

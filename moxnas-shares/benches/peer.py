"""The same shares in Jinja2, as the earlier systems rendered smb.conf: prints the best round in ms.

Called with the number of shares and of rounds. Its output is written to the third argument, so that both
can be compared.
"""
import sys
import time

import jinja2

TEMPLATE = """\
# Written by MoxNAS. Changes made here are lost: use `moxnas share`, or put them into smb.conf above the
# line that includes this file.
[global]
{% for share in shares %}
[{{ share.name }}]
	path = {{ share.path }}
	comment = {{ share.comment }}
	read only = {{ 'yes' if share.read_only else 'no' }}
	guest ok = {{ 'yes' if share.guest_ok else 'no' }}
	browseable = {{ 'yes' if share.browseable else 'no' }}
{%- if share.valid_users %}
	valid users ={% for who in share.valid_users %} "{{ who }}"{% endfor %}
{%- endif %}
{%- if share.write_list %}
	write list ={% for who in share.write_list %} "{{ who }}"{% endfor %}
{%- endif %}
{%- if share.hosts_allow %}
	hosts allow ={% for host in share.hosts_allow %} {{ host }}{% endfor %}
{%- endif %}
{%- if share.create_mask %}
	create mask = {{ share.create_mask }}
{%- endif %}
{% endfor %}
"""


class Share:
    def __init__(self, number):
        self.name = f"share-{number}"
        self.path = f"/srv/tank/share-{number}"
        self.comment = f"Share number {number}"
        self.read_only = number % 2 == 0
        self.guest_ok = False
        self.browseable = True
        self.valid_users = ["alice", "@family"]
        self.write_list = ["bob"]
        self.hosts_allow = ["192.168.1.0/24"]
        self.create_mask = "0660"


def main():
    count, rounds, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    # No escaping: that is how it was, and the least it can cost.
    template = jinja2.Environment(autoescape=False, keep_trailing_newline=True).from_string(TEMPLATE)
    shares = [Share(number) for number in range(count)]
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        text = template.render(shares=shares)
        times.append(time.perf_counter() - begun)
    with open(out, "w", encoding="utf-8") as file:
        file.write(text)
    print(min(times) * 1000)


main()

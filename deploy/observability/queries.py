"""Holds every query of the dashboard and the rules to the live Prometheus at PROMETHEUS.

promtool runs each of them. That a query is understood is not enough, because one that names a metric
that there is not is merely empty: every metric, label and value in it must have been seen. Whatever
is wrong is told at once.
"""

import json, os, re, subprocess, sys, time, urllib.parse, urllib.request
from pathlib import Path

HERE = Path(__file__).parent
PROMETHEUS = os.environ["PROMETHEUS"]

# What Grafana puts into queries.
VARIABLES = {"$__rate_interval": "1m", "$__range": "5m", "$job": ".*", "$instance": ".*"}

complaints = []


def complain(where, what):
    complaints.append(f"{where}: {what}")


def ask(path, **parameters):
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{PROMETHEUS}/api/v1/{path}?{query}", timeout=10) as answer:
        return json.load(answer)["data"]


# --- what a query names ---------------------------------------------------------------------------

TOKEN = re.compile(r"""\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(\[[^\]]*\])|(\d[\w.]*)|([A-Za-z_:][\w:]*)|([=!]~|[=!<>]=|.))""")
AGGREGATIONS = {"sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"}
GROUPINGS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
WORDS = {"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}


def parse(query):
    """The selectors of a query, each a metric with its matchers, and the labels that it groups by."""
    tokens = [match.groups() for match in TOKEN.finditer(query.strip())]
    selectors, labels = [], set()
    at = 0
    while at < len(tokens):
        word, symbol = tokens[at][3], tokens[at][4]
        after = tokens[at + 1][4] if at + 1 < len(tokens) else None
        at += 1
        if word in GROUPINGS and after == "(":
            while tokens[at][4] != ")":
                labels |= {tokens[at][3]} - {None}
                at += 1
        elif symbol == "{" or (word and after != "(" and word.lower() not in AGGREGATIONS | GROUPINGS | WORDS):
            matchers = []
            if word and after == "{":
                at += 1
            if symbol == "{" or after == "{":
                while tokens[at][4] != "}":
                    if tokens[at][3]:
                        matchers.append((tokens[at][3], tokens[at + 1][4], tokens[at + 2][0][1:-1].replace("\\\\", "\\")))
                        at += 2
                    at += 1
            selectors.append((word, matchers))
    return selectors, labels


def alternatives(operator, value):
    """The values that a matcher spells out; none if it is a pattern."""
    if operator in ("=", "!="):
        return [value]
    return value.split("|") if re.fullmatch(r"[\w /{}-]+(\|[\w /{}-]+)*", value) else []


def fits(series, label, operator, value):
    has = series.get(label, "")
    fitting = has == value if operator in ("=", "!=") else re.fullmatch(value, has) is not None
    return fitting != operator.startswith("!")


def unknown(query, every_series):
    """What a query names that was not seen."""
    selectors, labels = parse(query)
    named = []
    for metric, matchers in selectors:
        if metric is None:
            yield "a selector without a metric"
            continue
        series = every_series.get(metric, [])
        named += series
        if not series:
            yield f"there is no metric {metric}"
            continue
        for label, operator, value in matchers:
            values = {one.get(label) for one in series} - {None}
            if not values:
                yield f"{metric} has no label {label}"
                continue
            for alternative in alternatives(operator, value):
                if alternative not in values:
                    yield f'{metric} was never seen with {label}="{alternative}"'
        if not any(all(fits(one, *matcher) for matcher in matchers) for one in series):
            yield f"no series of {metric} fits {matchers}"
    for label in labels:
        if not any(label in one for one in named):
            yield f"there is nothing to group by {label}"


# --- what promtool says ---------------------------------------------------------------------------


def promtool(where, kind, query, *options):
    """Runs a query; its answer, or None after a complaint."""
    command = ["promtool", "query", kind, "--format", "json", *options, PROMETHEUS, query]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode:
        complain(where, f"{(done.stderr or done.stdout).strip()} in {query}")
        return None
    return json.loads(done.stdout)


def run(where, query, every_series):
    """Runs a query now and over a minute, and holds what it names to what was seen. Its answer now, or
    None after a complaint."""
    now = time.time()
    over = ["--start", f"{now - 60:.0f}", "--end", f"{now:.0f}", "--step", "5s"]
    answer = promtool(where, "instant", query)
    if answer is None or promtool(where, "range", query, *over) is None:
        return None
    wrong = list(unknown(query, every_series))
    for what in dict.fromkeys(wrong):
        complain(where, f"{what} ({query})")
    return None if wrong else answer


# --- the rules ------------------------------------------------------------------------------------


def check_rules(every_series):
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    tests = re.split(r"alertname: ", (HERE / "alerts.test.yaml").read_text())[1:]
    headings = re.findall(r"^#+ (Balcao\w+)$", (HERE.parent / "README.md").read_text(), re.MULTILINE)
    alerts = [rule for rule in rules if rule["type"] == "alerting"]
    for rule in rules:
        where = f"alerts.yaml, {rule['name']}"
        if rule["health"] != "ok":
            complain(where, f"{rule['health']}: {rule.get('lastError')}")
        run(where, rule["query"], every_series)
    for rule in alerts:
        name, where = rule["name"], f"alerts.yaml, {rule['name']}"
        if rule["labels"].get("severity") not in ("page", "ticket"):
            complain(where, "the severity is neither page nor ticket")
        if rule["annotations"].get("runbook") != f"deploy/README.md#{name.lower()}":
            complain(where, "the runbook is not its section of deploy/README.md")
        outcomes = {"exp_alerts" in test for test in tests if test.split()[0] == name}
        if outcomes != {True, False}:
            complain(where, "alerts.test.yaml does not see it both firing and silent")
    names = [rule["name"] for rule in alerts]
    for name in sorted(set(names) ^ set(headings)):
        complain("deploy/README.md", f"{name} has a section or an alert, but not both")
    return len(rules)


# --- the dashboard --------------------------------------------------------------------------------


def filled_in(where, query):
    for variable, value in VARIABLES.items():
        query = re.sub(re.escape(variable) + r"\b", value, query)
    if "$" in query:
        complain(where, f"an unknown variable in {query}")
    return query


def check_dashboard(every_series):
    dashboard = json.loads((HERE / "dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    count = 0
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(set(ids)) != len(ids):
        complain("dashboard.json", "two panels have one id")
    for panel in panels:
        where = f"dashboard.json, {panel['title']}"
        if not panel.get("description") or not panel["fieldConfig"]["defaults"].get("unit"):
            complain(where, "there is no description, or no unit")
        for target in panel["targets"]:
            count += 1
            if target["datasource"]["uid"] != "${datasource}":
                complain(where, "the data source is not the variable")
            query = filled_in(where, target["expr"])
            answer = run(where, query, every_series)
            if answer is None:
                continue
            if not answer:
                complain(where, f"nothing came of {query}")
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                if not all(label in one["metric"] for one in answer):
                    complain(where, f"the legend names {label}, which {query} does not have")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            where = f"dashboard.json, ${variable['name']}"
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            run(where, f"count by ({label}) ({filled_in(where, selector)})", every_series)
    for annotation in dashboard["annotations"]["list"]:
        if "target" in annotation:
            run(f"dashboard.json, {annotation['name']}", annotation["target"]["expr"], every_series)
    return count


# --- all of it ------------------------------------------------------------------------------------


def check_metrics(every_series):
    """The table of metrics names those that are shown, and no others."""
    table = set(re.findall(r"^\| `(balcao_\w+)`", (HERE.parent / "README.md").read_text(), re.MULTILINE))
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in every_series if name.startswith("balcao_")}
    for name in sorted(table ^ shown):
        complain("deploy/README.md", f"{name} is in the table of metrics or in the scrape, but not in both")


every_series = {}
for one in ask("series", **{"match[]": '{__name__!=""}', "start": time.time() - 600}):
    every_series.setdefault(one["__name__"], []).append(one)
# What must be noticed, if this is to mean anything.
for misspelt in ("rate(balcao_order_placed_total[5m])", 'up{jbo="balcao"}', "sum by (rout) (balcao_http_requests_total)",
                 'balcao_desk_queued{queue!~"orders|quote"}', 'balcao_http_requests_total{method="GET",route="/orders",status="201"}'):
    assert list(unknown(misspelt, every_series)), misspelt

check_metrics(every_series)
rules, queries = check_rules(every_series), check_dashboard(every_series)
if complaints:
    sys.exit("\n".join(complaints))
print(f"· {rules} rules and {queries} queries of the dashboard name what is there", file=sys.stderr)

"""The benchmarks' own arithmetic: `python3 -m unittest discover --start-directory bench`."""

import io
import json
import os
import pathlib
import tempfile
import unittest
from contextlib import redirect_stderr

import accounting
import client
import generators
import growth
import machine
import page
import pairs
import reach
import receivers
import report
import smoke
import syscalls
from pairs import Run, Side
from recipes import PEERS, ours
from workloads import WORKLOADS, ClientFailed


class Accounting(unittest.TestCase):
    def test_this_process_is_in_its_own_tree_and_has_used_time(self):
        tree = accounting.ProcessTree()
        tree.follow(os.getpid())
        self.assertIn(os.getpid(), tree.pids())
        self.assertGreater(tree.seconds(), 0)
        self.assertGreater(accounting.private_memory(tree.pids()), 0)

    def test_a_process_that_is_gone_counts_nothing(self):
        self.assertEqual(accounting.memory([2**22 + 1], "RssAnon"), 0)


class Ratios(unittest.TestCase):
    sides = [
        Side("ours", [Run(1, 900, 0.1), Run(1, 800, 0.1), Run(1, 100, 0.1)], 0),
        Side("theirs", [Run(1, 100, 1.0), Run(1, 100, 2.0), Run(1, 100, 0.1)], 0),
    ]

    def test_the_ratio_is_the_median_of_pairs_and_not_the_ratio_of_medians(self):
        self.assertEqual(pairs.ratio(self.sides, "rate"), 8)
        self.assertAlmostEqual(pairs.ratio(self.sides, "cpu_per_1000"), 0.1)

    def test_every_bound_becomes_a_check_and_one_side_alone_none(self):
        both, alone = receivers.as_json(self.sides), receivers.as_json(self.sides[:1])
        checks = receivers.checks_of("sqlite", {"x": {"workloads": {"C": both, "A": both}}})
        self.assertEqual([check[0] for check in checks], ["sqlite C rate ratio", "sqlite C CPU ratio"])
        self.assertTrue(all(report.holds(check) for check in checks))
        self.assertEqual(receivers.checks_of("sqlite", {"x": {"workloads": {"C": alone}}}), [])
        self.assertEqual(receivers.checks_of("peers", {"x": {"workloads": {"C": both}}}), [])


class Checks(unittest.TestCase):
    def test_a_bound_is_missed_on_its_wrong_side_only(self):
        self.assertTrue(report.holds(("x", 1.0, "<=", 1.0)))
        self.assertFalse(report.holds(("x", 1.1, "<=", 1.0)))
        self.assertFalse(report.holds(("x", 0.9, ">=", 0.95)))


class Syscalls(unittest.TestCase):
    summary = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.600000          10      4000           recvfrom
 30.00    0.300000          10      2000         7 epoll_wait
 10.00    0.100000          10      2000           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000          10      8000         7 total
"""

    def test_waits_are_counted_apart(self):
        counts = syscalls.parse_summary(self.summary)
        self.assertEqual(counts, {"recvfrom": 4000, "epoll_wait": 2000, "sendto": 2000})
        self.assertEqual(syscalls.work(counts), 6000)


class Growth(unittest.TestCase):
    def test_quantiles_are_values_that_were_seen(self):
        ordered = list(range(1, 1001))
        self.assertEqual(growth.quantile(ordered, 0.5), 500)
        self.assertEqual(growth.quantile(ordered, 0.999), 999)
        self.assertEqual(growth.quantile([7], 0.999), 7)


class Body(unittest.TestCase):
    def test_a_body_has_about_the_size_asked_for_and_ends_a_line(self):
        for size in (1024, 100 * 1024, 3 * 1024 * 1024):
            message = b"".join(client.body(size))
            self.assertLess(abs(len(message) - size), 100)
            self.assertTrue(message.endswith(b"\r\n"))


class Generators(unittest.TestCase):
    result = {
        "accepted": 10,
        "failed": 0,
        "errors": [],
        "rate": 1234.5,
        "valid": False,
        "invalid_because": ["it computed all the time", "it lagged"],
        "latency_ms": {"p99_9": 7.5},
    }

    def test_what_a_result_says_about_itself_is_kept(self):
        sent = generators.sent(self.result, 10, 2.0, 0.5)
        self.assertEqual((sent.rate, sent.p99_9_ms), (1234.5, 7.5))
        self.assertEqual(sent.void, "it computed all the time; it lagged")
        self.assertIsNone(generators.sent({**self.result, "valid": True}, 10, 2.0, 0.5).void)

    def test_a_message_that_was_not_accepted_fails_the_run(self):
        refused = {**self.result, "accepted": 9, "failed": 1, "errors": [{"example": "452 full"}]}
        with self.assertRaisesRegex(ClientFailed, "9 of 10.*452 full"):
            generators.sent(refused, 10, 2.0, 0.5)

    def test_a_new_connection_for_each_message_is_said_where_the_workload_wants_it(self):
        stress = generators.Stress("prixfixe")
        self.assertIn("--per-connection", stress.words(WORKLOADS["A"], 25, 100))
        self.assertNotIn("--per-connection", stress.words(WORKLOADS["C"], 25, 100))

    def test_a_client_is_charged_what_its_process_used(self):
        busy = ["python3", "-c", "import time\nwhile time.process_time() < 0.2: pass"]
        _, cpu = generators.timed(lambda: generators.subprocess.run(busy, check=True))
        self.assertGreaterEqual(cpu, 0.2)


class Recipes(unittest.TestCase):
    def test_every_recipe_can_be_measured_against_ours_of_its_class(self):
        for recipe in PEERS.values():
            self.assertEqual(ours(recipe.durable).durable, recipe.durable)
            self.assertTrue(set(recipe.workloads) <= set(WORKLOADS))
            self.assertFalse(recipe.does.endswith("."), recipe.name)

    def test_every_mode_names_known_peers(self):
        for names in receivers.MODES.values():
            self.assertTrue(set(names) <= set(PEERS))


class Machine(unittest.TestCase):
    def test_a_recorded_command_has_no_places_of_this_machine(self):
        words = ["peers", "--output", "x/y.json", "--pairs", "3", "--folder=/x", "--check"]
        self.assertEqual(
            machine.command_line("receivers.py", words),
            "python3 bench/receivers.py peers --pairs 3 --check",
        )

    def test_a_busy_machine_is_said_to_have_been_busy(self):
        stamp = {**machine.stamp("x.py"), "load_before": 3.0}
        self.assertIn("busy", machine.sentence(stamp))
        self.assertNotIn("busy", machine.sentence({**stamp, "load_before": 0.1}))


class Page(unittest.TestCase):
    text = "# Page\n\nby hand\n\n<!-- begin peers by c -->\nold\n<!-- end peers by c -->\n\nby hand, too\n"

    def result(self):
        ours = Side("ours", [Run(1, 900, 0.1, 0.2, 3.0)], 2**20)
        theirs = Side("theirs", [Run(1, 300, 0.2, 0.2, 6.0, "it was busy")], 2**21)
        measured = receivers.as_json([ours, theirs])
        peer = {"does": "throws away", "workloads": {"A": measured, "C": measured}}
        return {
            "measured": {**machine.stamp("receivers.py"), "account": "cgroup", "pairs": 1},
            "client": "c",
            "versions": {"theirs": "1.2"},
            "modes": {"peers": {"theirs": {**peer, "durable": False}, "kept": {**peer, "durable": True}}},
        }

    def write(self, text, result):
        with tempfile.TemporaryDirectory() as folder:
            path, file = pathlib.Path(folder, "page.md"), pathlib.Path(folder, "r.json")
            path.write_text(text)
            file.write_text(json.dumps(result))
            with redirect_stderr(io.StringIO()) as said:
                code = page.write([file], path)
            return code, path.read_text(), said.getvalue()

    def test_only_what_stands_between_the_markers_changes(self):
        code, text, _ = self.write(self.text, self.result())
        self.assertEqual(code, 0)
        self.assertTrue(text.startswith("# Page\n\nby hand\n\n<!-- begin peers by c -->\nMeasured on "))
        self.assertTrue(text.endswith("<!-- end peers by c -->\n\nby hand, too\n"))
        self.assertNotIn("old", text)

    def test_writing_twice_is_writing_once(self):
        result = self.result()
        _, once, _ = self.write(self.text, result)
        _, twice, _ = self.write(once, result)
        self.assertEqual(once, twice)

    def test_a_table_has_both_classes_ratios_and_void_runs(self):
        _, text, _ = self.write(self.text, self.result())
        self.assertIn("Discarding:", text)
        self.assertIn("Keeping it on disk:", text)
        self.assertIn("theirs 1.2", text)
        self.assertIn("|  | theirs | 300 | 0.200 | 2.0 | 6.0 | 3.00 | 0.500 | 1 of 1 |", text)
        self.assertIn(page.ABOUT_VOID, text)

    def test_a_peer_that_failed_is_named_with_its_reason_and_costs_no_row_of_others(self):
        result = self.result()
        result["modes"]["peers"]["kept"]["workloads"] = {"A": {"failed": "98 of 100 were accepted"}}
        _, text, _ = self.write(self.text, result)
        self.assertIn("- kept: throws away. A failed: 98 of 100 were accepted.", text)
        self.assertIn("|  | theirs | 300 |", text)
        self.assertEqual(receivers.failures(result), ["98 of 100 were accepted"])

    def test_a_page_without_the_markers_is_left_alone(self):
        code, text, said = self.write("# Page\n", self.result())
        self.assertEqual((code, text), (2, "# Page\n"))
        self.assertIn("no markers for `peers by c`", said)

    def test_a_file_that_is_no_result_is_refused(self):
        code, text, said = self.write(self.text, {"schema": 1})
        self.assertEqual((code, text), (2, self.text))
        self.assertIn("is not what --output", said)


class Smoke(unittest.TestCase):
    def test_the_pair_in_the_middle_is_judged(self):
        with tempfile.TemporaryDirectory() as folder:
            made = []
            for number, (ours, reference) in enumerate([(10, 100), (400, 100), (90, 60), (50, 100), (300, 100)]):
                pair = tuple(pathlib.Path(folder, f"{side}{number}") for side in "ab")
                for file, rate in zip(pair, (ours, reference)):
                    file.write_text(json.dumps({"rate": rate}))
                made.append(pair)
            self.assertEqual(smoke.median(made), made[2])


class Reach(unittest.TestCase):
    def measured(self, rate, cpu):
        return {"rate_ratio": rate, "cpu_ratio": cpu}

    def test_the_rate_counts_everywhere_and_the_cpu_in_c_and_f(self):
        found = reach.checks_of(
            {"A": {"smtp-sink": self.measured(0.94, 9.0)}, "F": {"smtp-sink": self.measured(1.0, 1.11)}}
        )
        self.assertEqual(
            [(check[0], report.holds(check)) for check in found],
            [
                ("A to smtp-sink: rate ratio", False),
                ("F to smtp-sink: rate ratio", True),
                ("F to smtp-sink: CPU ratio", False),
            ],
        )

    def test_ours_is_divided_by_theirs_within_each_pair(self):
        clients = [generators.Stress("prixfixe"), generators.SmtpSource()]
        runs = [[reach.Run(30, 1.0, None), reach.Run(10, 1.0, None)], [reach.Run(10, 2.0, None), reach.Run(10, 4.0, None)]]
        summary = reach.summary(clients, runs)
        self.assertEqual(summary["rate_ratio"], 2)
        self.assertEqual(summary["cpu_ratio"], 0.375)


if __name__ == "__main__":
    unittest.main()

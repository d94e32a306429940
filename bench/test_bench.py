"""The benchmarks' own arithmetic: `python3 -m unittest discover --start-directory bench`."""

import os
import unittest

import accounting
import client
import growth
import receivers
import report
import syscalls
from receivers import Run, Side


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
        self.assertEqual(receivers.ratio(self.sides, "rate"), 8)
        self.assertAlmostEqual(receivers.ratio(self.sides, "cpu_per_1000"), 0.1)

    def test_every_bound_becomes_a_check_and_one_side_alone_none(self):
        checks = receivers.checks_of("sqlite", {"C": self.sides, "A": self.sides})
        self.assertEqual([check[0] for check in checks], ["sqlite C rate ratio", "sqlite C CPU ratio"])
        self.assertTrue(all(report.holds(check) for check in checks))
        self.assertEqual(receivers.checks_of("sqlite", {"C": self.sides[:1]}), [])


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


if __name__ == "__main__":
    unittest.main()

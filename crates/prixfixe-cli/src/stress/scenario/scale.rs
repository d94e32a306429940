//! The same burst against one server, three and five.

use super::extent::Extent;
use super::loads::{self, BURST, Load, USUAL_PROMISE};
use crate::stress::lab::{Lab, LabError};
use crate::stress::terms::Place;

pub(super) fn run(lab: &mut Lab, extent: Extent) -> Result<(), LabError> {
    if lab.is_own() {
        if matches!(lab.terms().place, Place::Own(Some(_))) {
            let text = "scale starts one server, then three, then five; leave out --servers";
            return Err(LabError::Misuse(text.to_owned()));
        }
        lab.probe_disk()?;
        for (servers, name) in [(1, "1 server"), (3, "3 servers"), (5, "5 servers")] {
            lab.start_servers(servers, "")?;
            measure(lab, extent, name)?;
        }
        lab.end_disk_probe();
        loads::judge(lab, &[USUAL_PROMISE; 3]);
        return Ok(());
    }
    let targets = lab.targets();
    for count in 1..=targets.len() {
        // The first and all, and the middle: as many parts as with servers of the lab.
        if count != 1 && count != targets.len() && count != targets.len().div_ceil(2) {
            continue;
        }
        let load = named(if count == 1 { "1 target" } else { "targets" });
        let mut plan = load.plan(lab, extent);
        plan.targets = targets[..count].to_vec();
        let name = if count == 1 {
            load.name.to_owned()
        } else {
            format!("{count} targets")
        };
        lab.measure(&name, plan)?;
    }
    Ok(())
}

fn measure(lab: &mut Lab, extent: Extent, name: &'static str) -> Result<(), LabError> {
    loads::measure(lab, extent, &named(name)).map(drop)
}

fn named(name: &'static str) -> Load {
    Load {
        name,
        ..BURST.parts[0]
    }
}

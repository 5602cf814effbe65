//! A pruned kernel made again from its certificate: nothing is traced or
//! booted, and the bytes are compared.

use builder::kernel::Kernel;
use builder::system::{self, BuildOptions, Ingredients, System};
use host::error::Kind;
use host::id::Id;
use host::seal::fill_sealed;
use host::session::{Cached, Session};
use recipe::Plan;
use recipe::plan::{CertificateFile, OnTrap};

use super::certificate::{Certificate, SCHEMA, certified};
use super::subject::{Subject, sectioned};
use crate::error::{Error, Result};

/// Builds the system of a plan: with the kernel that its certificate has proven,
/// where the recipe names one, else with the kernel as it is compiled.
pub fn build(plan: &Plan, options: &BuildOptions, session: &Session) -> Result<System> {
    Ok(with_ingredients(plan, options, session)?.system)
}

/// A system and what it was built from.
#[derive(Debug)]
pub struct Built {
    /// What it was built from; of a pruned kernel, what it was before.
    pub ingredients: Ingredients,
    /// The system.
    pub system: System,
}

/// Builds the system of a plan as [`build`] does, and keeps what it was built from.
pub fn with_ingredients(plan: &Plan, options: &BuildOptions, session: &Session) -> Result<Built> {
    let (ingredients, kernel) = match &plan.prune.certificate {
        None => {
            let ingredients = system::prepare(plan, options, session)?;
            let kernel = session.phase("kernel", || {
                builder::kernel::build(&ingredients.kernel_input(plan), session)
            })?;
            (ingredients, kernel)
        }
        Some(certificate) => {
            let certificate = read(certificate)?;
            let sectioned = certified_plan(plan, &certificate);
            let ingredients = system::prepare(&sectioned, options, session)?;
            let kernel = session.phase("pruned kernel", || {
                kernel(&sectioned, &ingredients, &certificate, session)
            })?;
            (ingredients, kernel)
        }
    };
    let system = ingredients.finish(plan, options, kernel, session)?;
    Ok(Built {
        ingredients,
        system,
    })
}

/// Reads a certificate that a recipe names.
pub fn read(file: &CertificateFile) -> Result<Certificate> {
    let wrong = |why: String| Error::NoCertificate {
        name: file.name.clone(),
        why,
    };
    let certificate: Certificate =
        serde_json::from_str(&file.text).map_err(|e| wrong(e.to_string()))?;
    if certificate.schema == SCHEMA {
        Ok(certificate)
    } else {
        Err(wrong(format!("its schema is {:?}", certificate.schema)))
    }
}

/// The kernel of a [`sectioned`](super::subject::sectioned) plan, pruned as the
/// certificate says, or the one that was kept.
fn kernel(
    plan: &Plan,
    ingredients: &Ingredients,
    certificate: &Certificate,
    session: &Session,
) -> Result<Cached<Kernel>> {
    let input = ingredients.kernel_input(plan);
    certified(certificate, &input.build_id()?, &input.tools.versions.0)?;
    let bound = &certificate.bound;
    let build_id = Id::of("pruned/3", &(&bound.build_id, &bound.kernel))?;
    let dir = session.cache.folder("kernels")?.join(build_id.short());
    let kernel = Kernel { build_id, dir };
    if kernel.is_kept(session)? {
        return Ok(Cached::hit(kernel));
    }
    let level = certificate
        .level()
        .ok_or(Error::UnknownLevel { kind: Kind::Usage })?;
    let subject = Subject::open(plan, ingredients, session)?;
    let kept = certificate
        .kept_in(&subject.program)
        .map_err(|lacking| Error::FunctionsLacking { lacking })?;
    let wish = kept.wish_of(&subject, level, plan);
    fill_sealed(&kernel.dir, |fresh| {
        subject.link(&wish, fresh, session)?;
        subject.keep_link(fresh, session)?;
        same_bytes(fresh, &bound.kernel)
    })?;
    Ok(Cached::fresh(kernel))
}

/// The [`sectioned`] plan of the kernel that a certificate was made of.
pub fn certified_plan(plan: &Plan, certificate: &Certificate) -> Plan {
    let mut plan = sectioned(plan);
    plan.prune.names = certificate.names;
    plan.prune.on_trap = OnTrap::of_words(&certificate.on_trap).unwrap_or_default();
    plan.prune.load = certificate.load_plan();
    plan
}

/// Compares a kernel's image with the certified one.
pub fn same_bytes(dir: &std::path::Path, certified: &Id) -> Result<()> {
    let image = dir.join("image");
    let made = Id::of_file(&image).map_err(|e| host::Error::file("read", &image, e))?;
    if made == *certified {
        return Ok(());
    }
    Err(Error::OtherBytes {
        certified: certified.clone(),
        made,
        image,
    })
}

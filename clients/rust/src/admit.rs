//! What a message changes. Pure: times come in as arguments, in milliseconds.

use crate::permit::{Duties, Kind, Permissions, Permit};

const RAISE_FRESH_MS: u64 = 30_000;
const RAISES_KEPT: usize = 64;

#[derive(Debug, Clone)]
pub struct State {
    /// The desk that the first permit named: another may only take away.
    pub uid: Option<String>,
    /// Its namespace: what was raised elsewhere is not carried out here.
    pub namespace: Option<String>,
    pub generation: u64,
    pub permissions: Permissions,
    /// By the monotonic clock; 0 is before everything.
    pub granted_until: u64,
    /// What raises took away, until a permit of a later generation.
    pub raised: Option<(u64, Permissions)>,
    /// The raises that were carried out, the newest last.
    pub raises: Vec<String>,
}

impl Default for State {
    fn default() -> State {
        State {
            uid: None,
            namespace: None,
            generation: 0,
            permissions: Permissions::PAUSED,
            granted_until: 0,
            raised: None,
            raises: Vec::new(),
        }
    }
}

pub struct Received<'a> {
    pub id: &'a str,
    pub permit: &'a Permit,
    pub by_raise_key: bool,
    pub sent_at: u64,
    /// When the challenge that it answers was made; none: it answers none of ours.
    pub challenged_at: Option<u64>,
}

/// Whether it granted, and whether its duties are to be done now.
pub struct Admission {
    pub granted: bool,
    pub tells: bool,
}

impl State {
    pub fn permissions_at(&self, now: u64) -> Permissions {
        let live = if now < self.granted_until {
            self.permissions
        } else {
            self.permissions.joined(Permissions::PAUSED)
        };
        self.raised.map_or(live, |(_, raised)| live.joined(raised))
    }

    /// Until when opening is allowed; 0: not at all.
    pub fn open_until(&self) -> u64 {
        let open = self.permissions.open && self.raised.is_none_or(|(_, raised)| raised.open);
        if open { self.granted_until } else { 0 }
    }

    pub fn admit(&mut self, received: &Received<'_>, wall_now: u64) -> Admission {
        if received.by_raise_key || received.permit.kind == Kind::Raise {
            self.admit_raise(received, wall_now)
        } else {
            self.admit_permit(received)
        }
    }

    fn admit_raise(&mut self, received: &Received<'_>, wall_now: u64) -> Admission {
        let permit = received.permit;
        // Its sender may know an older epoch than this gate: a renewal of that newer one must not lift it.
        let generation = permit.desk.generation.max(self.generation);
        self.raised = Some(match self.raised {
            None => (generation, permit.permissions),
            Some((before, permissions)) => (generation.max(before), permissions.joined(permit.permissions)),
        });
        // The raise key is that of all desks: what is sent on from one to another must not close what it holds.
        let here = self.namespace.as_ref().is_none_or(|namespace| *namespace == permit.desk.namespace);
        let fresh = wall_now.abs_diff(received.sent_at) <= RAISE_FRESH_MS;
        let tells = here && fresh && !self.raises.iter().any(|id| id == received.id);
        if tells {
            self.raises.push(received.id.to_owned());
            let surplus = self.raises.len().saturating_sub(RAISES_KEPT);
            self.raises.drain(..surplus);
        }
        // One that tells nothing ends nothing that was told before.
        Admission { granted: false, tells: tells && permit.duties != Duties::default() }
    }

    fn admit_permit(&mut self, received: &Received<'_>) -> Admission {
        let permit = received.permit;
        let (uid, generation) = (&permit.desk.uid, permit.desk.generation);
        let is_first = generation > self.generation;
        let is_same = self.uid.as_ref() == Some(uid);
        let is_ours = is_same || self.uid.is_none();
        if let Some(challenged_at) = received.challenged_at
            && is_ours
            && generation >= self.generation
        {
            let tells = is_first || self.uid.is_none();
            self.uid = Some(uid.clone());
            self.namespace = Some(permit.desk.namespace.clone());
            self.generation = generation;
            self.permissions = permit.permissions;
            self.granted_until = challenged_at + permit.ttl_milliseconds;
            self.raised = self.raised.filter(|(raised, _)| generation <= *raised);
            return Admission { granted: true, tells };
        }
        self.permissions = self.permissions.joined(permit.permissions);
        let tells = is_same && is_first;
        if tells {
            self.generation = generation;
        }
        Admission { granted: false, tells }
    }
}

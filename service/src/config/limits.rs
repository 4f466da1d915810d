use super::{Default, Production, Shape, Variable, source::Source};

pub(super) const REPLICAS: Variable = Variable {
    name: "ULTRA_LIMITS_REPLICAS",
    concern: "limits",
    secret: false,
    shape: Shape::Number(1, 1_000),
    default: Default::Unset("as many as said in Redis that they are there, when it was last asked"),
    production: Production::AsElsewhere,
    example: "3",
    description: "How many replicas share the limits. While the Redis in which they count together is lost, each \
                  admits its part, and the header `x-ultra-limits` says so.",
};

pub(super) const REFUSED_PER_ADDRESS: Variable = Variable {
    name: "ULTRA_LIMITS_REFUSED_PER_ADDRESS",
    concern: "limits",
    secret: false,
    shape: Shape::Number(1, 1_000_000),
    default: Default::Value("60"),
    production: Production::AsElsewhere,
    example: "60",
    description: "How many requests without a valid credential an address may make a minute. Beyond it, what is not \
                  known yet is refused without being looked up. Tiers bound what a valid credential may do.",
};

/// What bounds callers beside their tiers.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `ULTRA_LIMITS_REPLICAS`; where it is not set, the replicas count each other.
    pub replicas: Option<u32>,
    /// `ULTRA_LIMITS_REFUSED_PER_ADDRESS`.
    pub refused_per_address: u32,
}

impl Limits {
    pub(super) fn read(source: &mut Source) -> Option<Self> {
        let replicas = source.number(&REPLICAS);
        let refused_per_address = source.number(&REFUSED_PER_ADDRESS);
        Some(Self {
            replicas,
            refused_per_address: refused_per_address?,
        })
    }
}

//! The steps between the logits and the draw, and the order in which they are taken.

/// A step that changes which tokens can be drawn, or how probable they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Temperature,
    TopNSigma,
    TopH,
    TopK,
    TopP,
    MinP,
    TypicalP,
    EpsilonCutoff,
    EtaCutoff,
    Xtc,
    Mirostat,
    Watermark,
}

impl Step {
    /// In the order that is used unless another is given: that of transformers, whose filters come after the
    /// temperature; those that it does not have at the ends, where their papers have them.
    pub const ALL: [Self; 12] = [
        Self::Temperature,
        Self::TopNSigma,
        Self::TopH,
        Self::TopK,
        Self::TopP,
        Self::MinP,
        Self::TypicalP,
        Self::EpsilonCutoff,
        Self::EtaCutoff,
        Self::Xtc,
        Self::Mirostat,
        Self::Watermark,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Temperature => "temperature",
            Self::TopNSigma => "top_n_sigma",
            Self::TopH => "top_h",
            Self::TopK => "top_k",
            Self::TopP => "top_p",
            Self::MinP => "min_p",
            Self::TypicalP => "typical_p",
            Self::EpsilonCutoff => "epsilon_cutoff",
            Self::EtaCutoff => "eta_cutoff",
            Self::Xtc => "xtc",
            Self::Mirostat => "mirostat",
            Self::Watermark => "watermark",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        assert!(Step::ALL.into_iter().all(|step| Step::from_name(step.name()) == Some(step)));
        assert_eq!(Step::from_name("top-k"), None);
    }
}

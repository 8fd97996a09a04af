use super::*;

#[test]
fn the_form_of_a_policy_has_the_whole_policy() {
    let policy = SeatPolicy {
        overage: Overage::Percent(10),
        max_borrowed: Some(3),
        reservations: vec![
            Reservation {
                target: ReservationTarget::Group("the simulation".into()),
                seats: 5,
                at_most: Some(8),
            },
            Reservation {
                target: ReservationTarget::User("ann".into()),
                seats: 1,
                at_most: None,
            },
        ],
        holders: HolderDisplay::Hidden,
        ..SeatPolicy::default()
    };
    let form = PolicyForm::new(&policy);
    assert_eq!(form.reservations, "group 5/8 the simulation\nuser 1 ann");
    let read = form.policy().unwrap_or_else(|_| panic!("refused"));
    assert_eq!(read, policy);
}

#[test]
fn a_field_that_is_not_acceptable_is_named() {
    let good = PolicyForm::new(&SeatPolicy::default());
    for (field, change) in [
        (
            "max_queue",
            PolicyForm {
                max_queue: "-1".to_owned(),
                ..good.clone()
            },
        ),
        (
            "lifetime_seconds",
            PolicyForm {
                lifetime_seconds: String::new(),
                ..good.clone()
            },
        ),
        (
            "overage_number",
            PolicyForm {
                overage: "seats".to_owned(),
                ..good.clone()
            },
        ),
        (
            "overage",
            PolicyForm {
                overage: "all".to_owned(),
                ..good.clone()
            },
        ),
        (
            "holders",
            PolicyForm {
                holders: "all".to_owned(),
                ..good.clone()
            },
        ),
        (
            "reservations",
            PolicyForm {
                reservations: "team 5 a".to_owned(),
                ..good.clone()
            },
        ),
        (
            "reservations",
            PolicyForm {
                reservations: "group a 5".to_owned(),
                ..good.clone()
            },
        ),
        (
            "reservations",
            PolicyForm {
                reservations: "group 5".to_owned(),
                ..good.clone()
            },
        ),
        (
            "reservations",
            PolicyForm {
                reservations: "machine 5 x".to_owned(),
                ..good.clone()
            },
        ),
    ] {
        let Err(problem) = change.policy() else {
            panic!("{field} is accepted");
        };
        let detail = &problem.refusal().detail;
        assert!(detail.starts_with(&format!("{field}: ")), "{detail}");
    }
    // An empty line is none.
    let spaced = PolicyForm {
        reservations: "\n user 2 ann \r\n".to_owned(),
        ..good
    };
    let policy = spaced.policy().unwrap_or_else(|_| panic!("refused"));
    assert_eq!(policy.reservations.len(), 1);
}

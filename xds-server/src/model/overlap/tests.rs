use serde_json::{Value, json};

use crate::{
    model::{
        sample::gateway,
        tests::{problem, problems},
    },
    store::{RouteRow, Rows},
};

#[test]
fn routes_between_which_nothing_decides_are_refused_by_name() {
    let same = |rows: &mut Rows| rows.routes[1].path_prefix = Some("/orders".to_owned());
    assert_eq!(
        problem(same),
        "routes 'users': field path_prefix: '/orders' on host '*' is matched by route 'orders' too, \
         with a common method, the same conditions and the same priority"
    );
    let methods = |a: &[&str], b: &[&str]| {
        problems(|rows| {
            same(rows);
            rows.routes[0].methods = a.iter().map(ToString::to_string).collect();
            rows.routes[1].methods = b.iter().map(ToString::to_string).collect();
        })
    };
    assert_eq!(methods(&["GET", "PUT"], &["POST", "PUT"]).len(), 1);
    assert!(methods(&["GET"], &["POST"]).is_empty());
    // The one that names its methods goes first.
    assert!(methods(&["GET"], &[]).is_empty());
}

#[test]
fn routes_of_one_path_are_told_apart_by_host_priority_and_kind() {
    let same_path = |change: fn(&mut RouteRow)| {
        problems(|rows| {
            rows.routes[1].path_prefix = Some("/orders".to_owned());
            change(&mut rows.routes[1]);
        })
    };
    assert!(same_path(|route| route.hosts = vec!["a.com".to_owned()]).is_empty());
    assert!(same_path(|route| route.priority = 1).is_empty());
    assert!(same_path(|route| route.path_exact = route.path_prefix.take()).is_empty());
}

#[test]
fn routes_of_one_path_may_differ_by_their_conditions() {
    let both = |first: &[Value], second: &[Value]| {
        let conditions = |headers: &[Value]| Some(json!({"headers": headers}));
        problems(|rows| {
            rows.routes[1].path_prefix = rows.routes[0].path_prefix.clone();
            rows.routes[0].conditions = conditions(first);
            rows.routes[1].conditions = conditions(second);
        })
    };
    let exact = |value: &str| json!({"name": "x-a", "exact": value});
    let present = |present: bool| json!({"name": "x-b", "present": present});
    assert!(both(&[exact("1")], &[exact("2")]).is_empty());
    assert!(both(&[present(true)], &[present(false)]).is_empty());
    assert!(both(&[exact("1")], &[]).is_empty());
    let found = both(&[exact("1"), present(true)], &[json!({"name": "X-B", "present": true}), exact("1")]);
    assert_eq!(
        found,
        ["routes 'users': field path_prefix: '/orders' on host '*' is matched by route 'orders' too, \
          with a common method, the same conditions and the same priority"]
    );
    let any_case = |value: &str| json!({"name": "x-a", "exact": value, "ignore_case": true});
    assert_eq!(both(&[any_case("a")], &[any_case("A")]).len(), 1);
    assert!(both(&[any_case("a")], &[exact("a")]).is_empty());
}

#[test]
fn a_route_for_a_share_stands_beside_one_for_all_but_not_beside_another_for_a_share() {
    let both = |first: Option<f64>, second: Option<f64>| {
        problems(|rows| {
            rows.routes[1].path_prefix = rows.routes[0].path_prefix.clone();
            rows.routes[0].conditions = first.map(|percent| json!({"percent": percent}));
            rows.routes[1].conditions = second.map(|percent| json!({"percent": percent}));
        })
    };
    assert!(both(Some(100.0), None).is_empty());
    assert_eq!(both(Some(10.0), Some(20.0)).len(), 1);
}

#[test]
fn templates_that_differ_in_names_only_are_equal() {
    let both = |first: &str, second: &str| {
        problems(|rows| {
            for (row, template) in rows.routes.iter_mut().zip([first, second]) {
                row.path_prefix = None;
                row.path_template = Some(template.to_owned());
            }
        })
    };
    assert_eq!(both("/a/{x}", "/a/{y}").len(), 1);
    assert!(both("/a/{x}", "/a/{y=**}").is_empty());
}

#[test]
fn the_same_route_may_stand_in_two_gateways_but_not_twice_in_one() {
    let twins = |first: &[&str], second: &[&str]| {
        problems(|rows| {
            rows.gateways.push(gateway("other", "none"));
            rows.routes[1].path_prefix = rows.routes[0].path_prefix.clone();
            for (route, gateways) in rows.routes.iter_mut().zip([first, second]) {
                route.gateways = gateways.iter().map(ToString::to_string).collect();
            }
        })
    };
    assert_eq!(twins(&["ferrox"], &["other"]), [""; 0]);
    assert_eq!(twins(&["ferrox"], &["other", "ferrox"]).len(), 1);
}

//! Making chats: which are the only ones, and which are refused.

use std::sync::Arc;

use crier_domain::{
    Refusal, Role, UserId,
    service::{
        chat::{Actor, Dialect, Kind, NewChat, Shelf},
        page::Page,
        users::NewProfile,
    },
};

use super::house::{House, chat_of, done, draft, of_role, support_of, user};

fn request(id: &str) -> Kind {
    Kind::PurchaseRequest { request: id.into() }
}

#[tokio::test]
async fn two_have_one_direct_chat_whoever_begins() {
    let house = House::open();
    let (a, b, c) = (user("a"), user("b"), user("c"));
    let first = house.make(&a, chat_of(Kind::Direct, &[&a, &b])).await.unwrap();
    let again = house.make(&b, chat_of(Kind::Direct, &[&b, &a])).await.unwrap();
    assert!(first.created && !again.created);
    assert_eq!(first.chat.id, again.chat.id);
    assert!(house.make(&a, chat_of(Kind::Direct, &[&a, &c])).await.unwrap().created);
}

#[tokio::test]
async fn a_purchase_request_has_one_chat_of_each_buyer_and_seller() {
    let house = House::open();
    let (buyer, seller, other) = (user("a"), user("b"), user("c"));
    let make = async |who: &Actor, with: &Actor, id: &str| {
        let made = house.make(who, chat_of(request(id), &[who, with])).await.unwrap();
        (made.chat.id, made.created)
    };
    let (first, created) = make(&buyer, &seller, "7").await;
    assert!(created);
    assert_eq!(make(&buyer, &seller, "7").await, (first, false));
    // Another request, seller or buyer, and the two the other way round, are others.
    for (who, with, id) in [
        (&buyer, &seller, "8"),
        (&buyer, &other, "7"),
        (&other, &seller, "7"),
        (&seller, &buyer, "7"),
    ] {
        let (another, created) = make(who, with, id).await;
        assert!(created && another != first);
    }
    assert_ne!(house.direct(&buyer, &seller).await.id, first);
}

#[tokio::test]
async fn of_many_at_once_on_two_replicas_one_makes_the_chat() {
    let house = Arc::new(House::open());
    let other = Arc::new(house.replica());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40 {
        let house = Arc::clone(if n % 2 == 0 { &house } else { &other });
        tasks.spawn(async move {
            let (a, b) = (user("a"), user("b"));
            let made = house.make(&a, chat_of(Kind::Direct, &[&a, &b])).await.unwrap();
            (made.chat.id, made.created)
        });
    }
    let made = tasks.join_all().await;
    assert_eq!(made.iter().filter(|(_, created)| *created).count(), 1);
    assert!(made.iter().all(|(id, _)| *id == made[0].0));
    let (b, page) = (user("b"), Page::default());
    let list = house.services.chat.list(Dialect::Marketplace, &b, &[Shelf::Direct], page);
    assert_eq!(list.await.unwrap().pagination.total_records, 1);
}

#[tokio::test]
async fn a_first_message_comes_with_the_chat_or_into_the_one_there_is() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let open = async |text: &str| {
        let new = chat_of(Kind::Direct, &[&a, &b]);
        let opened = house.services.chat.open(&house.voice, &a, new, Some(draft(text)), None);
        done(opened.await).unwrap()
    };
    let first = open("one").await;
    assert_eq!((first.created, first.chat.count, first.message.unwrap().number), (true, 1, 1));
    let second = open("two").await;
    assert_eq!((second.created, second.chat.count), (false, 2));
    assert_eq!(house.unread(&b, &second.chat).await, 2);
    let told: Vec<_> = house.events().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(told.iter().filter(|name| *name == "new-message").count(), 2);
}

#[tokio::test]
async fn what_makes_no_chat_is_refused_by_its_field() {
    let house = House::open();
    let (a, b, c) = (user("a"), user("b"), user("c"));
    let many: Vec<_> = (0..101).map(|n| user(&n.to_string())).collect();
    let many: Vec<_> = many.iter().collect();
    let titled =
        |title: &str| NewChat { title: Some(title.into()), ..chat_of(Kind::Group, &[&a, &b]) };
    let noted = |bytes: usize| {
        let note = serde_json::json!({ "note": "x".repeat(bytes) });
        NewChat { metadata: note.as_object().cloned(), ..chat_of(Kind::Group, &[&a, &b]) }
    };
    for (what, new, field) in [
        ("alone", chat_of(Kind::Direct, &[&a]), "participantIds"),
        ("with oneself", chat_of(Kind::Direct, &[&a, &a]), "participantIds"),
        ("a group of one", chat_of(Kind::Group, &[&a]), "participantIds"),
        ("three in private", chat_of(Kind::Direct, &[&a, &b, &c]), "participantIds"),
        ("too many", chat_of(Kind::Group, &many), "participantIds"),
        (
            "a title of two",
            NewChat { title: Some("x".into()), ..chat_of(Kind::Direct, &[&a, &b]) },
            "title",
        ),
        ("a long title", titled(&"x".repeat(201)), "title"),
        ("an empty title", titled(""), "title"),
        ("a title that beeps", titled("\u{7}"), "title"),
        ("much metadata", noted(5_000), "metadata"),
        ("metadata that beeps", noted(0).with_bell(), "metadata"),
        ("a beeping subject", NewChat { title: Some("\u{7}".into()), ..support_of(&a) }, "subject"),
    ] {
        let refused = house.make(&a, new).await;
        let path = match &refused {
            Err(Refusal::Invalid { path, .. }) => path.as_str(),
            Err(Refusal::Unfit { path, .. }) => path,
            other => panic!("{what}: {other:?}"),
        };
        assert_eq!(path, field, "{what}");
    }
    let stats = house.services.chat.stats(Dialect::Marketplace, &a, &[Shelf::Group, Shelf::Direct]);
    assert_eq!(stats.await.unwrap().chats, 0);
    assert!(house.seen().is_empty());
}

trait WithBell {
    fn with_bell(self) -> Self;
}

impl WithBell for NewChat {
    fn with_bell(mut self) -> Self {
        self.metadata = serde_json::json!({ "note": "\u{7}" }).as_object().cloned();
        self
    }
}

#[tokio::test]
async fn a_filled_directory_knows_who_is_unknown() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let profile: NewProfile = serde_json::from_value(serde_json::json!({ "name": "Bee" })).unwrap();
    house.services.users.put(&UserId::parse("b").unwrap(), &profile).await.unwrap();
    assert!(house.make(&a, chat_of(Kind::Direct, &[&a, &b])).await.is_ok());
    let refused = house.make(&a, chat_of(Kind::Direct, &[&a, &user("c")])).await;
    assert_eq!(refused, Err(Refusal::NotFound { what: "User" }));
    // The support pool needs no profile.
    assert!(house.make(&a, support_of(&a)).await.is_ok());
    let chat = house.direct(&b, &a).await;
    let known = house.services.chat.known(chat.member(&b.party).unwrap()).await.unwrap();
    assert_eq!(known.name.as_deref(), Some("Bee"));
    assert_eq!(known.role, None, "the directory says none, and no token said one yet");
    let known = house.services.chat.known(chat.member(&a.party).unwrap()).await.unwrap();
    assert_eq!(known.name.as_deref(), Some("Name of a"), "as the token says");
}

#[tokio::test]
async fn a_directory_that_is_silent_about_a_role_leaves_the_tokens() {
    let house = House::open();
    let seller = of_role("s", Role::Seller);
    let chat = house.direct(&seller, &user("b")).await;
    for (profile, role) in [
        (serde_json::json!({ "name": "Sue" }), Role::Seller),
        (serde_json::json!({ "name": "Sue", "role": "admin" }), Role::Admin),
    ] {
        let profile = serde_json::from_value(profile).unwrap();
        house.services.users.put(&UserId::parse("s").unwrap(), &profile).await.unwrap();
        let member = chat.member(&seller.party).unwrap();
        let known = house.services.chat.known(member).await.unwrap();
        assert_eq!((known.name.as_deref(), known.role), (Some("Sue"), Some(role)));
    }
}

#[tokio::test]
async fn new_chats_are_counted_and_found_ones_are_not() {
    let house = House::limited(10);
    let a = user("a");
    for n in 0..10 {
        house.direct(&a, &user(&format!("u{n}"))).await;
        house.direct(&a, &user("u0")).await;
    }
    let refused = house.make(&a, chat_of(Kind::Direct, &[&a, &user("one more")])).await;
    assert!(matches!(refused, Err(Refusal::RateLimited { .. })), "{refused:?}");
    let other = of_role("b", Role::Buyer);
    assert!(house.make(&other, chat_of(Kind::Direct, &[&other, &a])).await.is_ok());
}

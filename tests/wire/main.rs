//! The default transports of both front-ends on the wire: TLS, HTTP/2, proxies, limits, many requests at once. One
//! source, two front-ends, and servers that do what a real one seldom does.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod ahead;
mod basics;
mod certificates;
mod child;
mod compressed;
mod driver;
mod each;
mod failures;
mod files;
mod files_out;
mod http2;
mod limits;
mod many;
mod modern;
mod pour;
mod proxies;
mod proxy_rules;
mod secure;
mod tls;
mod tls_broken;
mod tunnel;

/// Makes a test of each scenario, for both front-ends.
macro_rules! scenarios {
    ($($topic:ident { $($name:ident,)* })*) => {
        scenarios! { blocking: kinto_blocking; $($topic { $($name,)* })* }
        scenarios! { asynchronous: kinto_async; $($topic { $($name,)* })* }
    };
    ($module:ident: $front_end:ident; $($topic:ident { $($name:ident,)* })*) => {
        mod $module {
            $(mod $topic {
                $(#[test]
                fn $name() {
                    crate::$topic::$name::<$front_end::Client>();
                })*
            })*
        }
    };
}

scenarios! {
    basics {
        one_connection_serves_many_requests_and_nothing_is_added_to_them,
        a_connection_is_kept_whatever_time_is_left,
        the_methods_without_a_body_have_none,
        a_write_without_a_body_says_so,
        statuses_are_data,
        no_redirect_is_followed_behind_the_back,
        news_before_the_answer_are_not_the_answer,
        all_ways_to_end_a_body,
        a_write_that_was_lost_is_sent_again_the_same,
    }
    ahead {
        the_next_page_is_under_way_when_one_is_decoded,
        a_large_page_that_cannot_be_decoded_is_an_error,
        what_answers_at_once_is_heard,
        what_panics_meanwhile_is_no_outcome,
    }
    limits {
        answers_may_be_large_but_not_larger_than_the_limit,
        a_chunked_answer_has_the_same_limit,
        a_head_has_its_limit_too,
        a_head_of_many_lines,
        the_limit_of_a_head_can_be_set,
        idle_connections_are_few_and_young,
        news_without_end_are_no_answer,
        the_head_comes_in_time,
        the_head_has_its_own_time_on_every_connection,
        the_whole_answer_comes_in_time,
        the_deadline_holds_for_one_attempt,
        limits_without_end_are_limits_too,
        a_later_policy_has_its_limits,
    }
    failures {
        an_answer_that_is_cut_off_is_none,
        where_nothing_was_sent_it_is_known,
        no_tls_where_it_was_asked_for_is_an_error_at_once,
        what_does_not_speak_http_is_named,
    }
    tls {
        a_server_whose_authority_is_known,
        one_connection_serves_many_requests,
        by_name_and_by_address,
        more_authorities_than_one,
        a_certificate_that_has_expired,
        a_certificate_that_is_not_valid_yet,
        a_certificate_for_another_name,
        an_authority_that_nobody_knows,
        an_authority_that_is_not_the_one_to_be_trusted,
        a_certificate_that_vouches_for_itself,
        an_authority_that_the_system_trusts,
        what_is_no_certificate_is_refused_at_once,
    }
    tls_broken {
        a_handshake_that_is_cut_off_is_tried_again,
        a_handshake_that_stalls_ends_in_time,
        a_handshake_that_stalls_ends_with_the_attempt,
        a_body_of_known_length_that_is_cut_off,
        a_body_without_length_that_is_cut_off,
        a_body_without_length_that_ends_as_it_should,
        nonsense_inside_of_tls,
    }
    http2 {
        each_speaks_what_it_can,
    }
    many {
        many_connections_at_once,
        in_order_whatever_is_answered_first,
        a_slow_one_holds_up_no_others,
        never_more_at_once_than_asked_for,
        parts_of_a_batch_side_by_side,
        errors_stand_at_their_place,
        nothing_to_do,
        one_after_the_other,
        asked_for_as_they_are_needed,
        more_at_once_than_there_are,
        silence_is_kept_by_all,
        retries_are_paid_for_together,
    }
    each {
        in_order_whatever_is_answered_first,
        handed_out_as_they_come,
        never_more_than_asked_for,
        an_error_in_the_middle,
        dropped_early,
        nothing_to_do,
        one_after_the_other,
        all_at_once,
    }
    pour {
        a_stalled_server_is_given_no_more,
        never_ahead_by_more_than_there_is_room_for,
        so_many_chunks_at_once,
        a_server_that_refuses_stops_it,
        failures_have_their_positions,
        one_after_the_other,
    }
    proxies {
        used_where_it_was_asked_for,
        used_for_https_without_reading_along,
        not_used_unless_it_was_asked_for,
        not_used_for_those_excepted,
        a_proxy_that_wants_a_password,
        a_proxy_that_refuses,
        a_proxy_that_speaks_something_else,
        a_proxy_that_stalls,
        a_proxy_that_is_not_there,
        what_cannot_be_a_proxy_is_refused_at_once,
    }
    proxy_rules {
        each_scheme_has_its_own_proxy,
        a_proxy_for_https_is_none_for_http,
        a_proxy_for_all_comes_last,
        plain_http_has_its_own_default_port,
        names_below_an_excepted_one,
        networks_that_are_excepted,
        the_header_of_a_cgi_request_is_no_proxy,
    }
    files {
        what_breaks_off_goes_on_where_it_stopped,
        what_stalls_goes_on_too,
        a_file_may_take_longer_than_an_answer,
        a_file_without_end_is_left,
        what_fails_leaves_nothing_behind,
        a_file_has_its_name_when_it_is_whole,
        a_name_that_is_taken,
        what_cannot_be_written,
        only_files_are_streamed,
    }
    files_out {
        with_a_length_or_in_chunks,
        a_reader_that_fails,
        nobody_takes_the_file,
        an_answer_that_comes_too_early,
        an_answer_that_is_lost,
        it_may_take_longer_than_an_answer,
        a_transport_of_ones_own,
    }
    compressed {
        compressed_answers_are_asked_for_and_read,
        compressed_errors_are_read,
        a_bomb_does_not_go_off,
        what_is_not_compressed_stays_as_it_is,
    }
}

/// What only one front-end has.
mod asynchronous_http2 {
    macro_rules! scenarios {
        ($($name:ident,)*) => {
            $(#[test]
            fn $name() {
                crate::http2::$name();
            })*
        };
    }

    scenarios! {
        many_requests_share_one_connection,
        a_cold_start_ends_with_one_connection,
        heads_are_as_bare_as_in_http1,
        answers_have_the_same_limits,
        a_stream_that_is_cut_off,
        a_stream_that_stalls,
    }
}

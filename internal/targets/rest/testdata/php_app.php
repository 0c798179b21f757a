<?php
// PHP as it comes: every answer has the form that the language gives it by default.
switch ($_SERVER["REQUEST_URI"]) {
    case "/empty":
        break;
    case "/text":
        echo "OK";
        break;
    case "/object":
        echo json_encode(["success" => true]);
        break;
    case "/list":
        echo json_encode([]);
        break;
    case "/none":
        http_response_code(204);
        break;
    case "/marked":
        echo "\xEF\xBB\xBF", json_encode(["success" => true]);
        break;
    case "/compressed":
        header("Content-Encoding: gzip");
        echo gzencode(json_encode(["success" => true]));
        break;
    case "/denied":
        echo json_encode(["success" => false, "message" => "Permission denied"]);
        break;
    case "/invalid":
        http_response_code(422);
        echo json_encode(["message" => "The given data was invalid.", "errors" => ["newPassword" => ["The new password must be at least 40 characters."]]]);
        break;
    case "/line":
        http_response_code(400);
        echo "The password is too short";
        break;
}
